"""An option is declared once, as the field of a struct: its type, bounds, default, group and what it is for.

The command line makes its options of these fields, the Python API its keyword arguments.
"""

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import fields

from nas.errors import NasError

T = TypeVar("T", bound=Struct)
F = TypeVar("F", bound=Callable[..., Any])

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


def read_options(kind: type[T], given: dict[str, Any]) -> T:
    """Check what was given as keyword arguments and make the options of it.

    Raises NasError for a name that is no option, with the nearest that is, and for a value that breaks a rule.
    """
    known = [field.name for field in fields(kind)]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 3) or known
            raise NasError(f"{name}={given[name]!r}: there is no such option. Take {' or '.join(near)}.")
    try:
        return msgspec.convert(given, kind, dec_hook=_as_path)
    except msgspec.ValidationError as error:
        raise NasError(_explain(str(error), given)) from error


def _as_path(kind: type, value: Any) -> Any:
    """A path of a text: the only type of an option that msgspec does not know."""
    return kind(value)


def _explain(message: str, given: dict[str, Any]) -> str:
    """A sentence that names the option and its value."""
    rule, _, place = message.partition(" - at `$.")
    name = place.rstrip("`")
    return f"{name}={given[name]!r}: {rule}." if name in given else f"{rule}."


def takes_options(kind: type[Struct]) -> Callable[[F], F]:
    """Have a function that takes `**options` show them in its signature, with their defaults.

    Fields that it has as arguments of its own stay as they are.
    """

    def shown(function: F) -> F:
        signature = inspect.signature(function)
        named = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        more = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.required else field.default,
                annotation=field.type,
            )
            for field in fields(kind)
            if field.name not in signature.parameters
        ]
        function.__signature__ = signature.replace(parameters=[*named, *more])  # type: ignore[attr-defined]
        return function

    return shown
