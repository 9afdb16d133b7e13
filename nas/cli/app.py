"""All commands on one Typer application."""

import typer

from nas.cli.commands.data import data
from nas.cli.commands.export import export
from nas.cli.commands.latency import measure, price
from nas.cli.commands.networks import draw, listing
from nas.cli.commands.report import report
from nas.cli.commands.resume import resume
from nas.cli.commands.runtimes import runtimes
from nas.cli.commands.search import netadapt, search
from nas.cli.commands.table import table_app
from nas.cli.commands.train import train

app = typer.Typer(
    help="The most accurate network that runs within a latency target on your device, in your runtime, on your data.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(search)
app.command()(netadapt)
app.command()(resume)
app.command()(price)
app.command()(measure)
app.add_typer(table_app, name="table")
app.command()(data)
app.command()(train)
app.command()(export)
app.command()(report)
app.command()(runtimes)
app.command()(draw)
app.command("list")(listing)
