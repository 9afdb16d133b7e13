"""Rows as a table that people read, as wide as what is in it."""

import io
from collections.abc import Collection, Mapping, Sequence

from rich.console import Console
from rich.table import Table

_WIDTH = 160  # beyond which columns are folded
_UNFOLDED = 10_000


def render(*tables: Table, width: int = _WIDTH) -> str:
    """The text of tables, without colours: it may go to a file."""
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, emoji=False)
    for table in tables:
        console.print(table, markup=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def facts_of(facts: Mapping[str, object]) -> str:
    """One line a fact, its name before its value; never folded, so that a search in the text finds it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in facts.items():
        table.add_row(name, tell_cell(value))
    return render(table, width=_UNFOLDED)


def table_of(rows: Sequence[Mapping[str, object]], right: Collection[str] = ()) -> str:
    """One line a row under the names of the columns; numbers and the columns named in `right` stand on the right."""
    if not rows:
        return "none"
    names = list(rows[0])
    table = Table(box=None, pad_edge=False)
    for name in names:
        on_right = name in right or all(_is_number(row[name]) for row in rows)
        table.add_column(name, justify="right" if on_right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(tell_cell(row[name]) for name in names))
    return render(table)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def tell_cell(value: object) -> str:
    """A value as a cell tells it.

    >>> tell_cell(3.4e13), tell_cell(2542856), tell_cell(0.0521), tell_cell(True), tell_cell(None)
    ('3.4e13', '2,542,856', '0.0521', 'yes', '')
    """
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float() if abs(value) >= 1e6:
            digits, _, power = f"{value:.1e}".partition("e")
            return f"{digits}e{int(power)}"
        case float():
            return f"{value:g}"
        case tuple() | list():
            return ", ".join(map(str, value))
        case _:
            return str(value)
