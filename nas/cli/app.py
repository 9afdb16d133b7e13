"""All commands on one Typer application."""

import typer

from nas.cli.networks import draw, listing
from nas.cli.search import netadapt, search

app = typer.Typer(
    help="The most accurate network that runs within a latency target on your device, in your runtime, on your data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(search)
app.command()(netadapt)
app.command()(draw)
app.command("list")(listing)
