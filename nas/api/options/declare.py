"""An option is declared once, as the field of a struct: its type, bounds, default, group and what it is for.

The command line makes its options of these fields, the Python API its keyword arguments.
"""

from typing import Any, Literal, get_args, get_origin

from msgspec import Meta

MOST = "What most people need"
FIND = "What to find"
DATA = "Data"
DEVICE = "Where it runs"
LATENCY = "Latency"
SEARCH = "Block search"
NETADAPT = "NetAdapt"
TRAINING = "Training"
WEIGHTS = "What the weights were trained with"
RESULT = "Output"
GROUPS = (MOST, FIND, DATA, DEVICE, LATENCY, SEARCH, NETADAPT, TRAINING, WEIGHTS, RESULT)


def option(group: str, text: str, spelt: str | None = None, variable: str | None = None) -> Meta:
    """Describe an option; `spelt` is its name on the command line if that is not the field's, `variable` one of the
    environment that gives it.
    """
    return Meta(description=text, extra={"group": group, "spelt": spelt, "variable": variable})


def spell(name: str, meta: Meta | None = None) -> str:
    """The name of a field as a person types it on the command line.

    >>> spell("gap_ms")
    '--gap-ms'
    """
    spelt = meta.extra.get("spelt") if meta and meta.extra else None
    return spelt or f"--{name.replace('_', '-')}"


def meta_of(hint: Any) -> Meta:
    """The description of a field; every field of options has one."""
    return next(one for one in hint.__metadata__ if isinstance(one, Meta) and one.extra)


def extra_of(hint: Any) -> dict[str, Any]:
    """What else `option` was told of a field: its group, its name on the command line, its variable."""
    return meta_of(hint).extra or {}


def words_of(hint: Any) -> list[str]:
    """The words that a type allows; none if it allows other things."""
    if get_origin(hint) is Literal:
        return [str(word) for word in get_args(hint)]
    return [word for part in get_args(hint) for word in words_of(part)] if get_args(hint) else []
