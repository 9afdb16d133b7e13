"""`limited`: fewer training images, where there is no time for all."""

import hashlib

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray

from nas.nets.data.dataset import Data, stratified


def limited(data: Data, images: int, seed: int) -> Data:
    """The data with about so many training images, of every class the same share; the other splits stay whole.

    Of images with boxes or masks, which show several classes, any are taken. Which ones depends on `seed` alone. All
    of them where there are no more.
    """
    total = len(data.train)
    if images >= total:
        return data
    kept = _pick(data, images / total, seed)
    digest = hashlib.sha256(f"{data.digest} {len(kept)} {seed}".encode()).hexdigest()[:12]
    note = f"{len(kept)} of {total} training images are used."
    return replace(data, train=data.train.pick(torch.from_numpy(kept)), digest=digest, notes=(*data.notes, note))


def _pick(data: Data, share: float, seed: int) -> NDArray[np.int64]:
    if data.task == "classification":
        return stratified(data.train.labels.numpy(), share, seed)[1]
    total = len(data.train)
    order = np.random.default_rng(seed).permutation(total)
    return np.sort(order[: max(1, round(share * total))])
