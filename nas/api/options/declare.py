"""An option is declared once, as the field of a struct: its type, bounds, default, group and what it is for.

The command line makes its options of these fields, the Python API its keyword arguments.
"""

import inspect
import os
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

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
    given = {**_of_environment(kind), **given}
    try:
        return msgspec.convert(given, kind, dec_hook=_as_path)
    except msgspec.ValidationError as error:
        raise NasError(_explain(str(error), kind, given)) from error


def _of_environment(kind: type[Struct]) -> dict[str, Any]:
    """The options that variables of the environment give, as on the command line."""
    hints = get_type_hints(kind, include_extras=True)
    named = ((field.name, extra_of(hints[field.name])["variable"]) for field in fields(kind))
    found = {name: text for name, variable in named if variable and (text := os.environ.get(variable))}
    return {name: int(text) if text.isdecimal() else text for name, text in found.items()}


def _as_path(kind: type, value: Any) -> Any:
    """A path of a text: the only type of an option that msgspec does not know."""
    return kind(value)


def _explain(message: str, kind: type[Struct], given: dict[str, Any]) -> str:
    """A sentence that names the option and its value, and what is allowed if that is a few words."""
    rule, _, place = message.partition(" - at `$.")
    name = place.rstrip("`").partition("[")[0]
    if name not in given:
        return f"{rule}."
    allowed = _words(next(field.type for field in fields(kind) if field.name == name))
    if not allowed:
        return f"{name}={given[name]!r}: {rule}."
    near = get_close_matches(str(given[name]), allowed, 1)
    return f"{name}={given[name]!r}: take {' or '.join(near or allowed)}; there are {', '.join(allowed)}."


def _words(hint: Any) -> list[str]:
    """The words that a type allows; none if it allows other things."""
    if get_origin(hint) is Literal:
        return [str(word) for word in get_args(hint)]
    return [word for part in get_args(hint) for word in _words(part)] if get_args(hint) else []


def _list_options(kind: type[Struct], named: Sequence[inspect.Parameter]) -> str:
    """The options as a docstring's section, group by group; those that are arguments of their own are left out."""
    own, hints = {one.name for one in named}, get_type_hints(kind, include_extras=True)
    lines = ["Options:"]
    for group in GROUPS:
        rows = [
            field for field in fields(kind) if field.name not in own and extra_of(hints[field.name])["group"] == group
        ]
        lines += [f"    {group}:"] * bool(rows)
        lines += [f"        {field.name}: {meta_of(hints[field.name]).description}{_default(field)}" for field in rows]
    return "\n".join(lines)


def _default(field: FieldInfo) -> str:
    return "" if field.required or field.default in (None, ()) else f" Default: {field.default!r}."


def meta_of(hint: Any) -> Meta:
    """The description of a field; every field of options has one."""
    return next(one for one in hint.__metadata__ if isinstance(one, Meta) and one.extra)


def extra_of(hint: Any) -> dict[str, Any]:
    """What else `option` was told of a field: its group, its name on the command line, its variable."""
    return meta_of(hint).extra or {}


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
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{_list_options(kind, named)}"
        return function

    return shown
