"""The commands that fit something to the user's own pairs: an adapter of the default encoder, a fusion head."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from pairsift.cli.app import EXIT_FAILED, Json, app, opened_store
from pairsift.config import AUGMENTATIONS, RunConfig, config_for, explain_validation
from pairsift.errors import ConfigError


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift adapt --dataset sample --name sample`\n\n"
    "`pairsift adapt 'shards/*.tar' --name products --pairs 5000`"
)
def adapt(
    name: Annotated[str, typer.Option(help="Name that score.adapter will give it by.")],
    source: Annotated[
        str | None, typer.Argument(help="Good pairs to learn from: shards or a folder, as for run.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Learn from the pairs that this data set keeps.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: classifier, sentence encoder, preprocessing.")] = None,
    pairs: Annotated[int, typer.Option(min=100, help="Pairs to learn from at most, chosen by their content.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice, the folds and the bootstrap.")] = 0,
    as_json: Json = False,
) -> None:
    """Fit an adapter of `conse` to your own domain; kept if pairs that were held out are told apart better by it."""
    from pairsift.adapting import Asked
    from pairsift.adapting import adapt as fit  # loads torch
    from pairsift.console import counting, show
    from pairsift.console.training import render_adapt

    chosen = config_for(None, config)
    engine, lessons, forgotten = find_lessons(source, dataset, chosen, pairs, seed)
    with counting("pairs read", pairs, shown=not as_json) as advance:
        outcome = fit(engine, lessons, chosen, Asked(name, learnt_from(source, dataset), seed), advance)
    show({**outcome.document(), "forgotten": forgotten}, as_json, render_adapt)
    if outcome.file is None:
        raise typer.Exit(EXIT_FAILED)


@app.command(
    name="train-fusion",
    epilog="**Examples**\n\n"
    "`pairsift train-fusion --dataset sample --name sample`\n\n"
    "`pairsift train-fusion --dataset sample --name sturdy --augment all`\n\n"
    "`pairsift train-fusion 'shards/*.tar' --name products --encoder open_clip:ViT-B-32:laion2b_s34b_b79k`",
)
def train_fusion(
    name: Annotated[str, typer.Option(help="Name that score.fusion will give the head by.")],
    source: Annotated[
        str | None, typer.Argument(help="Good pairs to learn from: shards or a folder, as for run.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Learn from the pairs that this data set keeps.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: encoder and preprocessing are taken.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder that the head is for.")] = None,
    form: Annotated[str, typer.Option(help="tokens; or, to compare, concatenation or single.")] = "tokens",
    depth: Annotated[int, typer.Option(min=1, help="Blocks of cross-attention.")] = 1,
    pairs: Annotated[int, typer.Option(min=200, help="Pairs to learn from at most, chosen by their content.")] = 2000,
    epochs: Annotated[int, typer.Option(min=1, help="Most epochs; fewer where held-out AUC no longer rises.")] = 12,
    noise: Annotated[float, typer.Option(min=0, max=2, help="Length of the noise on tokens, of their own.")] = 0.1,
    words_dropped: Annotated[float, typer.Option(min=0, max=0.9, help="Share of a caption's tokens left out.")] = 0.2,
    augment: Annotated[
        list[str] | None,
        typer.Option(help=f"What is changed in augmented views: {', '.join(AUGMENTATIONS)} or all; may be repeated."),
    ] = None,
    views: Annotated[int, typer.Option(min=1, help="Augmented views of each pair, where --augment is given.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice, the split, the views, and training.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a fusion head on your own pairs and register it. The same command again goes on from the last epoch."""
    from pairsift.cli.running import PREFECT_DEFAULTS
    from pairsift.console import show
    from pairsift.console.training import render_train
    from pairsift.core.training import TrainRequest

    chosen = config_for(encoder, config)
    try:
        request = TrainRequest(
            name=name,
            source=source,
            dataset=dataset,
            form=form,
            depth=depth,
            pairs=pairs,
            epochs=epochs,
            noise=noise,
            words_dropped=words_dropped,
            augment=AUGMENTATIONS if augment == ["all"] else tuple(augment or ()),
            views=views,
            seed=seed,
            config=chosen,
        )
    except ValidationError as error:
        raise ConfigError(explain_validation("the command", error)) from error
    # On a terminal there is a bar; elsewhere a line an epoch is worth having.
    lines = {} if as_json or sys.stderr.isatty() else {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO"}
    os.environ.update(PREFECT_DEFAULTS | lines | os.environ)
    from flows.train_fusion import train_fusion as flow  # seconds
    from pairsift.progress import steps_shown
    from tasks.telling import watched_by

    with steps_shown(shown=not as_json) as watch, watched_by(watch):
        outcome = flow(request)
    show(outcome, as_json, render_train)


def find_lessons(
    source: str | None, dataset: str | None, config: RunConfig, pairs: int, seed: int
) -> tuple[Any, Any, int]:
    """Open the database, made if it is not there yet, find the pairs of one of the two, and count those taken down."""
    from pairsift.adapters.lessons import lessons_of_dataset, lessons_of_source
    from pairsift.adapters.remaining import find_takedowns
    from pairsift.adapters.sampling import Wanted
    from pairsift.adapters.store.engine import prepare
    from pairsift.settings import Settings

    if (source is None) == (dataset is None):
        raise ConfigError("give either a SOURCE to learn from, or --dataset NAME")
    wanted = Wanted(pairs, seed, english_only=True)
    if dataset is not None:
        engine = opened_store()
        return engine, lessons_of_dataset(engine, dataset, wanted), 0
    prepare(Settings().store_url)
    takedowns = find_takedowns(Settings().store_url)
    lessons = lessons_of_source(str(source), config, wanted, takedowns)
    return opened_store(), lessons, takedowns.left_out


def learnt_from(source: str | None, dataset: str | None) -> str:
    """Say for the record where the pairs come from."""
    return f"data set {dataset}" if dataset else str(source)
