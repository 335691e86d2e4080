"""The command line itself, what its commands share, and how an error ends one."""

import sys
from typing import Annotated, Any

import typer

from pairsift.errors import PairsiftError, UnusableInputError

EXIT_FAILED = 1
EXIT_UNUSABLE = 2

app = typer.Typer(
    name="pairsift",
    help="Decide which image–text pairs are good enough to train on, say why, and remember it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
database = typer.Typer(help="Look after Pairsift's own database.", no_args_is_help=True)
app.add_typer(database, name="db")

DataSet = Annotated[str, typer.Argument(metavar="DATASET", help="Name of a data set, as `pairsift status` shows it.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]


def main() -> None:
    """Run a command; an error raised on purpose is one line on standard error and an exit code, no traceback."""
    try:
        app()
    except PairsiftError as error:
        from pairsift.console import plain

        sys.stderr.write(f"pairsift: {plain(str(error))}\n")
        raise SystemExit(EXIT_UNUSABLE if isinstance(error, UnusableInputError) else EXIT_FAILED) from None


def opened_store() -> Any:  # noqa: ANN401 - an SQLAlchemy engine, imported late
    """Open the database; StoreError where it is missing or of another version."""
    from pairsift.adapters.store.engine import open_engine, require_current
    from pairsift.settings import Settings

    engine = open_engine(Settings().store_url)
    require_current(engine)
    return engine
