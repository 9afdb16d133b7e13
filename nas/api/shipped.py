"""`find_shipped`: the files of the network in a run folder, for whoever starts from it."""

from pathlib import Path

from msgspec import Struct

from nas.errors import InvalidRun

_ARCHITECTURE, _WEIGHTS = "architecture.json", "weights.safetensors"


class ShippedFiles(Struct, frozen=True):
    """A network's weights and its architecture, which is None if the weights themselves say it."""

    weights: Path
    architecture: Path | None


def find_shipped(folder: Path) -> ShippedFiles:
    """Return the files of the network that a run shipped, or of one that was trained into a folder.

    Raises InvalidRun with what is missing.
    """
    weights, architecture = folder / _WEIGHTS, folder / _ARCHITECTURE
    if weights.is_file() and architecture.is_file():
        return ShippedFiles(weights, architecture)
    if weights.is_file() and not _is_run(folder):
        return ShippedFiles(weights, None)
    raise InvalidRun(_explain_missing(folder))


def _is_run(folder: Path) -> bool:
    return (folder / "settings.json").is_file()


def _explain_missing(folder: Path) -> str:
    missing = [name for name in (_ARCHITECTURE, _WEIGHTS) if not (folder / name).is_file()]
    lacks = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    if not _is_run(folder):
        return (
            f"{folder}: is a folder in which {lacks}, so it holds no network. Name a folder that `nas search` or "
            "`nas netadapt` wrote, or a file."
        )
    if targets := [str(path.parent) for path in sorted(folder.glob(f"*/{_ARCHITECTURE}"))]:
        return f"{folder}: holds a network for each of several targets. Name the folder of one: {', '.join(targets)}."
    if (folder / "front.json").is_file():
        return (
            f"{folder}: holds a front, and the networks of a front are not trained to the end: {lacks}. "
            "Name the folder of a run without --pareto."
        )
    if (folder / "result.json").is_file():
        return f"{folder}: is damaged, {lacks}. Copy the whole folder again, or start its run over with --fresh."
    return f"{folder}: is an unfinished run, {lacks}. Finish it first: nas resume {folder}"
