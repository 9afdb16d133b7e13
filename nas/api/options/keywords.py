"""Options as keyword arguments of the functions behind `import nas`: read, checked, and shown by `help`."""

import inspect
import os
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from nas.api.check import plain_number
from nas.api.options.declare import GROUPS, extra_of, meta_of, words_of
from nas.api.options.python_names import in_python, spell_in_python
from nas.errors import NasError

T = TypeVar("T", bound=Struct)
F = TypeVar("F", bound=Callable[..., Any])


def read_options(kind: type[T], given: dict[str, Any]) -> T:
    """Check what was given as keyword arguments and make the options of it.

    Raises NasError for a name that is no option, with the nearest that is, and for a value that breaks a rule.
    """
    known = [field.name for field in fields(kind)]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 3) or known
            raise NasError(f"{name}={given[name]!r}: there is no such option. Take {' or '.join(near)}.")
    given = {**_of_environment(kind), **{name: _plain(value) for name, value in given.items()}}
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


def _plain(value: Any) -> Any:
    """A path as text and a number of NumPy's as Python's own; anything else as it is."""
    return str(value) if isinstance(value, Path) else plain_number(value)


def _as_path(kind: type, value: Any) -> Any:
    """A path of a text: the only type of an option that msgspec does not know."""
    if not isinstance(value, str):
        raise ValueError(f"Expected a path, got `{type(value).__name__}`")
    return kind(value)


def _explain(message: str, kind: type[Struct], given: dict[str, Any]) -> str:
    """A sentence that names the option and its value, and what is allowed if that is a few words."""
    rule, _, place = message.partition(" - at `$.")
    name = place.rstrip("`").partition("[")[0]
    if name not in given:
        return f"{rule}."
    allowed = words_of(next(field.type for field in fields(kind) if field.name == name))
    if not allowed:
        return f"{name}={given[name]!r}: {rule}."
    near = get_close_matches(str(given[name]), allowed, 1)
    return f"{name}={given[name]!r}: take {' or '.join(near or allowed)}; there are {', '.join(allowed)}."


def _list_options(kind: type[Struct], named: Sequence[inspect.Parameter]) -> str:
    """The options as a docstring's section, group by group; those that are arguments of their own are left out."""
    own, hints = {one.name for one in named}, get_type_hints(kind, include_extras=True)
    lines = ["Options:"]
    for group in GROUPS:
        rows = [
            field for field in fields(kind) if field.name not in own and extra_of(hints[field.name])["group"] == group
        ]
        lines += [f"    {group}:"] * bool(rows)
        lines += [
            f"        {field.name}: {spell_in_python(str(meta_of(hints[field.name]).description))}{_default(field)}"
            for field in rows
        ]
    return "\n".join(lines)


def _default(field: FieldInfo) -> str:
    return "" if field.required or field.default in (None, ()) else f" Default: {field.default!r}."


def takes_options(kind: type[Struct]) -> Callable[[F], F]:
    """Have a function that takes `**options` show them in its signature and help, and name them so in its errors.

    Fields that it has as arguments of its own stay as they are.
    """

    def shown(function: F) -> F:
        signature = inspect.signature(function)
        named = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]

        @wraps(function)
        def checked(*args: Any, **options: Any) -> Any:
            with in_python():
                _require_bound(function, signature, args, options)
                return function(*args, **options)

        more = _parameters(kind, set(signature.parameters))
        checked.__signature__ = signature.replace(parameters=[*named, *more])  # type: ignore[attr-defined]
        checked.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{_list_options(kind, named)}"
        return cast("F", checked)

    return shown


def _require_bound(
    function: Callable[..., Any], signature: inspect.Signature, args: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Raise NasError for an argument that is missing, or one too many."""
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        raise NasError(f"nas.{function.__name__}: {error}. See help(nas.{function.__name__}).") from error


def _parameters(kind: type[Struct], own: set[str]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.required else field.default,
            annotation=field.type,
        )
        for field in fields(kind)
        if field.name not in own
    ]
