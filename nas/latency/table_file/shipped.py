"""Files of tables: those of a person, and those that are shipped."""

from pathlib import Path

from nas.folders import shipped_folder


def table_path(name: str) -> Path:
    """The file of a --table argument: a path, or the name of a shipped table."""
    inside = shipped_folder("latency_tables") / f"{name}.jsonl"
    return inside if not Path(name).exists() and inside.exists() else Path(name)


def keeps_entries(path: Path) -> bool:
    """Whether entries measured on demand are written to a table's file: what was shipped stays as it is."""
    return path.resolve().parent != shipped_folder("latency_tables").resolve()
