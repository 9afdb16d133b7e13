"""`limited`: fewer training images, where there is no time for all."""

import hashlib

import torch
from msgspec.structs import replace

from nas.nets.data.dataset import Data, stratified


def limited(data: Data, images: int, seed: int) -> Data:
    """The data with about so many training images, of every class the same share; the other splits stay whole.

    Which ones depends on `seed` alone. All of them where there are no more.
    """
    total = len(data.train)
    if images >= total:
        return data
    _, kept = stratified(data.train.labels.numpy(), images / total, seed)
    digest = hashlib.sha256(f"{data.digest} {len(kept)} {seed}".encode()).hexdigest()[:12]
    note = f"{len(kept)} of {total} training images are used."
    return replace(data, train=data.train.pick(torch.from_numpy(kept)), digest=digest, notes=(*data.notes, note))
