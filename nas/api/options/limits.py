"""The limits of the budgets as people write them: `--max-parameters 2.5M`, `max_parameters=2.5e6`."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

from nas.algorithms.budgets import BUDGET_NAMES
from nas.errors import NasError
from nas.units import parse_count


def read_limits(given: Mapping[str, str | None]) -> dict[str, int]:
    """Return the limits of texts by the names of budgets; raises NasError for a text that is no number.

    >>> read_limits({"parameters": "2.5M", "macs": None})
    {'parameters': 2500000}
    """
    return {name: _parse(name, text) for name, text in given.items() if text is not None}


def _parse(name: str, text: str) -> int:
    try:
        return parse_count(text)
    except NasError as error:
        raise NasError(f"--max-{name}: {error}") from error


def spell_limits(options: dict[str, Any]) -> dict[str, Any]:
    """Return options with every limit that is a number as the text of it.

    >>> spell_limits({"max_parameters": 2.5e6, "epochs": 3})
    {'max_parameters': '2500000.0', 'epochs': 3}
    """
    limits = {f"max_{name}" for name in BUDGET_NAMES}
    return {name: str(value) if name in limits and _is_number(value) else value for name, value in options.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
