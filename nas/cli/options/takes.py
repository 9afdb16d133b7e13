"""Options of a command made of the fields of a struct: names, types, bounds, defaults, help and groups."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import typer
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

from nas.api.options.declare import GROUPS, extra_of, meta_of, spell

Command = Callable[..., None]
C = TypeVar("C", bound=Command)


def takes(kind: type[Struct], required: bool = True) -> Callable[[Command], Command]:
    """Let a command take every field of `kind` as an option, and give them to it as its argument `options`.

    With `required` False a field that has no default may be left out; `options` is None then.
    """

    def made(command: Command) -> Command:
        hints = get_type_hints(command, include_extras=True)
        own = [
            one.replace(annotation=hints[one.name])
            for one in inspect.signature(command).parameters.values()
            if one.name != "options"
        ]
        positional = [one for one in own if one.default is inspect.Parameter.empty]
        rest = [one.replace(kind=one.KEYWORD_ONLY) for one in own if one not in positional]
        signature = inspect.Signature([*positional, *_parameters(kind, required), *rest])

        def wrapped(**given: Any) -> None:
            taken = {field.name: _frozen(given.pop(field.name)) for field in fields(kind)}
            lacking = any(field.required and taken[field.name] is None for field in fields(kind))
            command(options=None if lacking else kind(**taken), **given)

        wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
        wrapped.__signature__ = signature  # type: ignore[attr-defined]
        wrapped.__annotations__ = {name: one.annotation for name, one in signature.parameters.items()}
        return wrapped

    return made


def _parameters(kind: type[Struct], required: bool) -> list[inspect.Parameter]:
    """A parameter a field, those of one group beside each other."""
    hints = get_type_hints(kind, include_extras=True)
    found = [_parameter(field, hints[field.name], required) for field in fields(kind)]
    order = {field.name: GROUPS.index(extra_of(hints[field.name])["group"]) for field in fields(kind)}
    return sorted(found, key=lambda one: order[one.name])


def _parameter(field: FieldInfo, hint: Any, required: bool) -> inspect.Parameter:
    meta, extra, (bare, bounds) = meta_of(hint), extra_of(hint), _bare(hint)
    flags = _flags(field, meta) if bare is bool else (spell(field.name, meta),)
    option = typer.Option(
        *flags, help=meta.description, rich_help_panel=extra["group"], envvar=extra["variable"], **bounds
    )
    empty = inspect.Parameter.empty
    default: Any
    if get_origin(bare) is tuple:  # an option that may be given several times
        default, kind = [], list[get_args(bare)[0]]  # type: ignore[misc]
    elif not field.required:
        default, kind = field.default, bare
    else:
        default, kind = (empty, bare) if required else (None, bare | None)
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _flags(field: FieldInfo, meta: Meta) -> tuple[str, ...]:
    """A flag is turned on; one that is on is turned off."""
    name = spell(field.name, meta)
    return (f"{name}/--no-{name[2:]}",) if field.default else (name,)


def _bare(hint: Any) -> tuple[Any, dict[str, Any]]:
    """A type without its bounds, and these as Typer calls them."""
    if get_origin(hint) is Annotated:
        kind, bounds = _bare(get_args(hint)[0])
        return kind, bounds | _bounds(hint)
    parts = [_bare(part) for part in get_args(hint)] if type(None) in get_args(hint) else []
    if not parts:
        return hint, {}
    kinds = tuple(kind for kind, _ in parts)
    return Union[kinds], {name: value for _, one in parts for name, value in one.items()}  # noqa: UP007 - made here


def _bounds(hint: Any) -> dict[str, Any]:
    found = ((one.ge, one.le) for one in hint.__metadata__ if isinstance(one, Meta))
    pairs = ((name, value) for both in found for name, value in zip(("min", "max"), both, strict=True))
    return {name: value for name, value in pairs if value is not None}
