"""Messages name options as the command line does; whoever calls from Python reads keyword arguments instead."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, get_type_hints

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from nas.api.check import check_callable
from nas.api.options import structs
from nas.api.options.declare import meta_of, spell, words_of
from nas.errors import NasError
from nas.interfaces import Say

# A command line inside a message stays what it is: the first group. Else an option, and the word behind it.
_OPTION = re.compile(r"(\bnas [a-z]+(?: [^\s-]\S*)? --.*)|--([a-z][a-z-]*)(?: (\w+(?:\.\d+)?))?", re.DOTALL)


def spell_in_python(text: str) -> str:
    """Return a message with the options of the command line spelt as keyword arguments.

    >>> spell_in_python("Give --trial-epochs, take --sampler nsga2, or start over with --fresh.")
    "Give `trial_epochs`, take `sampler='nsga2'`, or start over with `fresh=True`."
    """
    return _OPTION.sub(_spell_match, text)


def _spell_match(found: re.Match[str]) -> str:
    if found[1]:
        return found[1]
    field, after = _fields().get(f"--{found[2]}"), found[3]
    name = field.name if field else found[2].replace("-", "_")
    if field and isinstance(field.default, bool):
        return f"`{name}={not field.default}`{f' {after}' if after else ''}"
    if field and after and (value := _value(field, after)):
        return f"`{name}={value}`"
    return f"`{name}`{f' {after}' if after else ''}"


def _value(field: FieldInfo, word: str) -> str | None:
    """The word as a value of the option in Python; None if it is just the next word of the sentence."""
    if re.fullmatch(r"\d+(\.\d+)?", word):
        return word
    return repr(word) if word in words_of(field.type) or re.fullmatch(r"\d+(\.\d+)?[a-z]+", word) else None


@cache
def _fields() -> dict[str, FieldInfo]:
    """All options by what is typed on the command line; one that is on by default is typed to turn it off."""
    kinds = (
        structs.SearchOptions, structs.NetAdaptOptions, structs.TrainOptions, structs.ExportOptions,
        structs.PriceOptions, structs.MeasureOptions, structs.GuidelineOptions, structs.TableOptions,
    )  # fmt: skip
    return {_flag(kind, field): field for kind in kinds for field in fields(kind)}


def _flag(kind: type[Struct], field: FieldInfo) -> str:
    flag = spell(field.name, meta_of(get_type_hints(kind, include_extras=True)[field.name]))
    return f"--no-{flag[2:]}" if field.default is True else flag


@contextmanager
def in_python() -> Iterator[None]:
    """Have errors that a user meets speak of keyword arguments; it serves as a decorator, too."""
    try:
        yield
    except NasError as error:
        error.args = (spell_in_python(str(error)),)
        raise


def say_in_python(log: Any) -> Say:
    """Return what tells the caller's `log` what is going on; raises NasError for what cannot be called with a text."""
    check_callable("log", log, 1, "a function that is told a sentence, like print")
    return lambda message: log(spell_in_python(message))
