"""`limited`: fewer training images, where there is no time for all."""

import hashlib

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray

from nas.nets.data.dataset import Data, stratified


def limited(data: Data, images: int, seed: int) -> Data:
    """The data with about so many training images; the other splits stay whole.

    Which ones depends on `seed` alone. Of every class the same share is kept, if an image has one class. All of them
    where there are no more.
    """
    total = len(data.train)
    if images >= total:
        return data
    kept = _choose_images(data, images, seed)
    digest = hashlib.sha256(f"{data.digest} {len(kept)} {seed}".encode()).hexdigest()[:12]
    note = f"{len(kept)} of {total} training images are used."
    return replace(data, train=data.train.pick(torch.from_numpy(kept)), digest=digest, notes=(*data.notes, note))


def _choose_images(data: Data, images: int, seed: int) -> NDArray[np.int64]:
    if data.task == "classification":
        return stratified(data.train.labels.numpy(), images / len(data.train), seed)[1]
    return np.sort(np.random.default_rng(seed % 2**63).permutation(len(data.train))[:images])
