"""Rows as a table that people read, as wide as what is in it."""

import io
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

_WIDTH = 160  # beyond which columns are folded


def render(*tables: Table) -> str:
    """The text of tables, without colours: it may go to a file."""
    out = io.StringIO()
    console = Console(file=out, width=_WIDTH, color_system=None)
    for table in tables:
        console.print(table, markup=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def table_of(rows: Sequence[Mapping[str, object]]) -> str:
    """One line a row under the names of the columns; numbers stand on the right."""
    if not rows:
        return "none"
    names = list(rows[0])
    table = Table(box=None, pad_edge=False)
    for name in names:
        right = all(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(tell_cell(row[name]) for name in names))
    return render(table)


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
