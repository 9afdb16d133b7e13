"""`fit`: trained weights fitted to the deployment resolution."""

from nas.nets.build import Network
from nas.nets.data import Data
from nas.nets.recipe import Recipe
from nas.nets.train import Course, optimiser_of, recalibrate, train


def fit(network: Network, data: Data, train_resolution: int, resolution: int, seed: int, recipe: Recipe) -> None:
    """Fit in place."""
    if resolution != train_resolution:
        course = Course(0, 12, 12, recipe.gentle_rate, resolution, seed, data.photos)
        train(network, optimiser_of(network, recipe), data.train, course, recipe)
    recalibrate(network, data.train, resolution, 128)
