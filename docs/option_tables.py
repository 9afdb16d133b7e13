"""Markdown tables of the options, made of the structs that declare them: they cannot say anything else."""

import re
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

from nas.api.options import structs
from nas.api.options.declare import GROUPS, spell


def fill_tables(text: str) -> str:
    """Replace every line `{options} NAME` of a page by the tables of the struct of that name.

    Names after it are structs whose options are left out, because another table of the page has them.
    """
    return re.sub(r"^\{options\} (.+)$", lambda found: _tables(*found[1].split()), text, flags=re.MULTILINE)


def _tables(name: str, *others: str) -> str:
    kind = _struct(name)
    known = {field.name for other in others for field in fields(_struct(other))}
    return options_as_markdown(kind, known)


def options_as_markdown(kind: type[Struct], without: set[str] | None = None) -> str:
    """One table for each group of the options of a struct: name, default and what it is for."""
    hints = get_type_hints(kind, include_extras=True)
    rows: dict[str, list[str]] = {group: [] for group in GROUPS}
    for field in fields(kind):
        if field.name not in (without or ()):
            meta = _meta(hints[field.name])
            rows[(meta.extra or {})["group"]].append(_row(field, hints[field.name], meta))
    head = "| option | values | default | |\n| --- | --- | --- | --- |"
    return "\n\n".join(f"*{group}*\n\n{head}\n" + "\n".join(found) for group, found in rows.items() if found)


def _struct(name: str) -> type[Struct]:
    found: type[Struct] = getattr(structs, name)
    return found


def _row(field: FieldInfo, hint: Any, meta: Meta) -> str:
    default = "required" if field.required else _default(field.default)
    variable = (meta.extra or {}).get("variable")
    text = (meta.description or "") + (f" Also `${variable}`." if variable else "")
    return f"| `{_flag(field, meta)}` | {_values(hint)} | {default} | {text.replace('|', '/')} |"


def _flag(field: FieldInfo, meta: Meta) -> str:
    """The option as typed; one that is on by default is typed to turn it off."""
    name = spell(field.name, meta)
    return f"--no-{name[2:]}" if field.default is True else name


def _default(value: object) -> str:
    """The default; "-" where the text of the option says what follows from what."""
    if value is None:
        return "-"
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else f"`{value}`"


def _meta(hint: Any) -> Meta:
    """The description of an option; every one has one."""
    return next(one for one in hint.__metadata__ if isinstance(one, Meta) and one.extra)


def _values(hint: Any) -> str:
    """The values that are accepted: words, or a kind of number with its bounds."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _values(args[0]) + _bounds(hint)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in args)
    if origin in (Union, UnionType):
        return " or ".join(_values(one) for one in args if one is not type(None))
    return {bool: "switch", int: "whole number", float: "number", str: "text"}.get(hint, "path")


def _bounds(hint: Any) -> str:
    found = [(one.ge, one.le) for one in hint.__metadata__ if isinstance(one, Meta)]
    low = next((ge for ge, _ in found if ge is not None), None)
    high = next((le for _, le in found if le is not None), None)
    if high is not None:
        return f", {low:g} to {high:g}"
    return "" if low is None else f", {low:g} or more"
