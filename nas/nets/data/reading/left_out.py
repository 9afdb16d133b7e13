"""What was left out of a data set: counted by reason, with three examples each."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

_EXAMPLES = 3


class LeftOut(Struct, frozen=True):
    """Files or folders that are not used, for one reason; `examples` are names below the data set's folder."""

    reason: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        """Return the sentence that a user reads."""
        return f"{self.count} {self.reason}: {some(self.examples, self.count)}"


def some(names: Sequence[str], count: int | None = None) -> str:
    """Return three names at most, and how many more there are; `count` if `names` are only the first.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    total = len(names) if count is None else count
    more = f" and {total - _EXAMPLES} more" if total > _EXAMPLES else ""
    return ", ".join(names[:_EXAMPLES]) + more


class LeftOuts:
    """A collection of what is left out, filled while a data set is read."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._found: dict[str, tuple[int, list[str]]] = {}

    def add(self, reason: str, path: str, count: int = 1) -> None:
        """Count a path, or so many things at it."""
        before, examples = self._found.get(reason, (0, []))
        if len(examples) < _EXAMPLES:
            examples.append(self.name_of(path))
        self._found[reason] = before + count, examples

    def name_of(self, path: str) -> str:
        """Return a path as seen from the data set's folder, printable whatever bytes it holds."""
        inside = path.removeprefix(self._root).lstrip("/")
        return inside.encode(errors="surrogateescape").decode(errors="replace")

    def count(self, reason: str) -> int:
        """Return how many were left out for a reason."""
        return self._found.get(reason, (0, []))[0]

    def below(self, folder: str) -> list[str]:
        """Return the reasons of which an example lies below a folder."""
        inside = self.name_of(folder) + "/"
        return [reason for reason, (_, names) in self._found.items() if any(name.startswith(inside) for name in names)]

    def all(self) -> tuple[LeftOut, ...]:
        """Return everything, the largest count first."""
        rows = [LeftOut(reason, count, tuple(names)) for reason, (count, names) in self._found.items()]
        return tuple(sorted(rows, key=lambda row: -row.count))
