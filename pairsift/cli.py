"""The commands. Thin: each reads its options, calls the library, and prints a table or, with --json, one object."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from pairsift.config import RunConfig, RunRequest, explain_validation, load_config
from pairsift.errors import ConfigError, PairsiftError, UnusableInputError

EXIT_FAILED = 1
EXIT_UNUSABLE = 2

app = typer.Typer(
    name="pairsift",
    help="Decide which image–text pairs are good enough to train on, say why, and remember it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
database = typer.Typer(help="Look after Pairsift's own database.", no_args_is_help=True)
app.add_typer(database, name="db")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="Only this data set.")]


@app.command(
    epilog="Examples:\n\n"
    "`pairsift run examples/sample/shards --dataset sample`\n\n"
    "`pairsift run 'shards/{00000..00099}.tar' --policy my-policy.yaml --out exports`\n\n"
    "`pairsift run examples/sample/shards --dataset sample --rerun-failed`"
)
def run(
    source: Annotated[str, typer.Argument(help="Shards or a folder: path, glob, brace range or fsspec URL.")],
    dataset: Annotated[str | None, typer.Option(help="Name of the data set; by default from SOURCE.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with how to measure, decide and export.")] = None,
    policy: Annotated[str | None, typer.Option(help="A shipped policy's name or a policy file.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder that compares images and captions.")] = None,
    out: Annotated[str | None, typer.Option(help="Where exports go; by default exports/ in the storage.")] = None,
    partition: Annotated[list[str] | None, typer.Option(help="Only this partition; may be repeated.")] = None,
    source_format: Annotated[str, typer.Option("--format", help="auto, webdataset or folder.")] = "auto",
    rerun_failed: Annotated[bool, typer.Option(help="Only what failed, was lost or interrupted.")] = False,
    as_json: Json = False,
) -> None:
    """Curate SOURCE: measure every pair, decide, export what is kept. Run again, it goes on where it stopped."""
    from pairsift import running

    request = build_request(
        config,
        {"policy": policy, "encoder": encoder},
        {
            "source": source,
            "dataset": dataset,
            "out": out,
            "partitions": tuple(partition or ()),
            "format": source_format,
            "rerun_failed": rerun_failed,
        },
    )
    summary = running.run(request, show_progress=not as_json)
    show(summary, as_json, "run_summary")
    if summary["failed"]:
        raise typer.Exit(EXIT_FAILED)


def build_request(config: Path | None, choices: dict[str, str | None], fields: dict[str, Any]) -> RunRequest:
    """Merge the config file with the options that override it; ConfigError says which option is wrong."""
    base = load_config(config) if config else RunConfig()
    try:
        chosen = base.model_copy(
            update={
                "policy": choices["policy"] or base.policy,
                "score": base.score.model_copy(update={"encoder": choices["encoder"] or base.score.encoder}),
            }
        )
        return RunRequest(config=chosen, **fields)
    except ValidationError as error:
        raise ConfigError(explain_validation("the command", error)) from error
