"""`side_at`: what size of images a network learns from, where networks of several resolutions are compared."""


def side_at(resolution: int, largest: int | None, train_resolution: int) -> int:
    """Side of a network's training images, where those of the `largest` deployment side have `train_resolution`.

    In the same ratio, as a multiple of 4: of 8, networks of 160 and 192 pixels would both train at 24 of 32 and could
    not be told apart. None says that all are deployed at one side.
    """
    if largest is None or resolution == largest:
        return train_resolution
    return max(8, 4 * round(train_resolution * resolution / largest / 4))
