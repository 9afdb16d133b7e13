"""Shared weights kept between runs, in the user's cache folder: a second target or device costs no training."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from nas.algorithms.pipeline.context import Settings
from nas.algorithms.pipeline.records import Shelved
from nas.design.architecture import Architecture
from nas.design.files import write_bytes, write_json
from nas.errors import NasError
from nas.interfaces import Say

_FORMAT = 2  # to be raised when shared weights are trained or stored in another way
# Which draws are the extremes of a band is chance, and a network a little beyond them shares all but a few channels
# with one that was trained. Farther out its weights were never its own.
_BEYOND = 0.03


def serves(one: Shelved, wanted: tuple[int, int]) -> bool:
    """Whether networks of these MACs, least and most, are among those it was trained on, within a few percent."""
    return one.macs[0] <= wanted[0] * (1 + _BEYOND) and wanted[1] <= one.macs[1] * (1 + _BEYOND)


class Shelf:
    """The files of one kind: same networks, data, recipe, schedule and seed. Each has a small JSON beside it."""

    def __init__(self, folder: Path, settings: Settings, big: Architecture, say: Say) -> None:
        """`big` is the architecture whose weights they are."""
        self.folder, self._say = folder, say
        self._key = _key(settings, big)

    def take(self, wanted: tuple[int, int], folder: Path) -> tuple[Shelved, Path] | None:
        """A copy, in `folder`, of the weights that serve networks of these MACs; None where there are none.

        Of several those of the narrowest range, which had the most training for each network. A damaged file is
        passed over with a sentence.
        """
        serving = [one for one in self._all() if serves(one, wanted)]
        for one in sorted(serving, key=lambda one: (one.macs[1] / one.macs[0], one.finished)):
            if copied := self.copy(one, folder):
                return one, copied
        return None

    def copy(self, one: Shelved, folder: Path) -> Path | None:
        """A checked copy of these weights in `folder`, named by their content; None where they are gone or damaged."""
        source, target = self._weights(one), folder / f"shelf-{one.sha256[:20]}.safetensors"
        try:
            data = source.read_bytes()
        except OSError as error:
            self._say(f"{source}: cannot be read ({error.strerror}): these shared weights are passed over.")
            return None
        if hashlib.sha256(data).hexdigest() != one.sha256:
            self._say(f"{source}: is damaged: these shared weights are passed over. Delete the file.")
            return None
        write_bytes(target, data)
        return target

    def put(self, weights: Path, macs: tuple[int, int], accuracy: float, seconds: float) -> None:
        """Keep weights for later runs. What they serve as well is deleted; a full disk ends no search."""
        data = weights.read_bytes()
        finished = datetime.now(UTC).isoformat(timespec="seconds")
        one = Shelved(hashlib.sha256(data).hexdigest(), macs, accuracy, seconds, finished)
        if self._note(one).exists():
            return
        try:
            write_bytes(self._weights(one), data)
            write_json(self._note(one), one)
            for old in self._all():
                if old.sha256 != one.sha256 and macs[0] <= old.macs[0] and old.macs[1] <= macs[1]:
                    self._note(old).unlink(missing_ok=True)
                    self._weights(old).unlink(missing_ok=True)
        except (NasError, OSError) as error:
            self._say(f"The shared weights are not kept for later runs: {error}")

    def _all(self) -> list[Shelved]:
        found = []
        for path in sorted(self.folder.glob(f"{self._key}-*.json")):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Shelved))
            except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
                self._say(f"{path}: cannot be read ({error}): these shared weights are passed over. Delete the file.")
        return found

    def _weights(self, one: Shelved) -> Path:
        return self.folder / f"{self._key}-{one.sha256[:20]}.safetensors"

    def _note(self, one: Shelved) -> Path:
        return self._weights(one).with_suffix(".json")


def _key(settings: Settings, big: Architecture) -> str:
    """Of all that shared weights depend on but the networks they are trained on: a range of MACs says which."""
    data = settings.data.split()[-1]
    images = (data, settings.images, settings.train_resolution)
    training = (settings.training, settings.sharing, settings.trial_epochs, settings.seed)
    parts = (_FORMAT, big, settings.space, images, training)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]
