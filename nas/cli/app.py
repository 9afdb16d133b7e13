"""All commands on one Typer application."""

from typing import Annotated

import typer

from nas import __version__
from nas.cli.commands.data import data
from nas.cli.commands.export import export
from nas.cli.commands.guidelines import guidelines
from nas.cli.commands.latency import measure, price
from nas.cli.commands.networks import draw, listing
from nas.cli.commands.report import report
from nas.cli.commands.resume import resume
from nas.cli.commands.runtimes import runtimes
from nas.cli.commands.search import netadapt, search
from nas.cli.commands.table import table_app
from nas.cli.commands.train import train
from nas.cli.text.output import be_quiet

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


FIND, LATENCY, NETWORKS = "Find a network", "Latency", "Networks, data and weights"


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Find the most accurate network within a latency target: on your device, in your runtime, on your data."""
    be_quiet(quiet)


app.command(rich_help_panel=FIND)(search)
app.command(rich_help_panel=FIND)(netadapt)
app.command(rich_help_panel=FIND)(resume)
app.command(rich_help_panel=FIND)(report)
app.command(rich_help_panel=LATENCY)(price)
app.command(rich_help_panel=LATENCY)(measure)
app.add_typer(table_app, name="table", rich_help_panel=LATENCY)
app.command(rich_help_panel=LATENCY)(guidelines)
app.command(rich_help_panel=LATENCY)(runtimes)
app.command(rich_help_panel=NETWORKS)(data)
app.command(rich_help_panel=NETWORKS)(train)
app.command(rich_help_panel=NETWORKS)(export)
app.command(rich_help_panel=NETWORKS)(draw)
app.command("list", rich_help_panel=NETWORKS)(listing)
