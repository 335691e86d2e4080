"""The commands that run a model on the user's own data: int8 towers, what signals find, target, evaluation sets."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from pairsift.cli.app import EXIT_FAILED, Json, app
from pairsift.config import config_for, explain_validation
from pairsift.errors import ConfigError


@app.command(epilog="**Example**\n\n`pairsift quantise 'shards/*.tar' --encoder open_clip:ViT-B-32:laion2b_s34b_b79k`")
def quantise(
    source: Annotated[str, typer.Argument(help="Pairs like those to be scored: shards or a folder, as for run.")],
    encoder: Annotated[str | None, typer.Option(help="An encoder of open_clip; by default the config's.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: encoder and preprocessing are taken.")] = None,
    pairs: Annotated[int, typer.Option(min=40, help="Pairs to read: half calibrate, half measure.")] = 600,
    least_overlap: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the best 30 % that must stay among them.")
    ] = 0.95,
    as_json: Json = False,
) -> None:
    """Make an encoder's int8 towers and switch them on for `dtype: int8`, if scores of your own pairs shift little."""
    from pairsift.console import show
    from pairsift.console.exams import render_quantise
    from pairsift.quantising import quantise as make  # loads torch

    chosen = config_for(encoder, config)
    outcome = make(source, chosen, pairs, least_overlap)
    show(asdict(outcome), as_json, render_quantise)
    if not outcome.switched_on:
        raise typer.Exit(EXIT_FAILED)


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift target my-downstream-pictures --name downstream --encoder open_clip:ViT-B-32:openai`\n\n"
    "`pairsift target imagenet-train.npy --name downstream --encoder open_clip:ViT-B-32:openai`"
)
def target(
    source: Annotated[
        str, typer.Argument(help="Pictures, as a folder or shards, or their embeddings: a .npy or .parquet file.")
    ],
    name: Annotated[str, typer.Option(help="What policies call it: the name of their key target.")],
    encoder: Annotated[str | None, typer.Option(help="The encoder of the runs that it is for.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: encoder and preprocessing are taken.")] = None,
    as_json: Json = False,
) -> None:
    """Make a target set: pictures that data should be like, with which policies compare by `pair.norm_sim`."""
    from pairsift.console import counting, show
    from pairsift.console.sets import render_target
    from pairsift.targeting import make_target  # loads torch

    named = _checked_name(name)
    chosen = config_for(encoder, config)
    with counting("pictures encoded", None, shown=not as_json) as advance:
        made = make_target(source, named, chosen, advance)
    show(asdict(made), as_json, render_target)


@app.command(
    name="evaluation-set",
    epilog="**Example**\n\n`pairsift evaluation-set coco/val2017 --name coco-val --encoder open_clip:ViT-B-32:openai`",
)
def evaluation_set(
    source: Annotated[str, typer.Argument(help="What a model will be measured on: shards or a folder, as for run.")],
    name: Annotated[str, typer.Option(help="What policies call it: a name in their decontaminate.against.")],
    encoder: Annotated[str | None, typer.Option(help="The encoder of the runs that it is for.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: encoder and preprocessing are taken.")] = None,
    as_json: Json = False,
) -> None:
    """Make an evaluation set: pictures and captions that policies with `decontaminate` keep out of training data."""
    from pairsift.console import counting, show
    from pairsift.console.sets import render_evaluation_set
    from pairsift.protecting import make_evaluation_set  # loads torch

    named = _checked_name(name)
    chosen = config_for(encoder, config)
    with counting("pictures encoded", None, shown=not as_json) as advance:
        made = make_evaluation_set(source, named, chosen, advance)
    show(asdict(made), as_json, render_evaluation_set)


def _checked_name(name: str) -> str:
    """Refuse (ConfigError) a name by which no policy could call a set."""
    from pairsift.core.policy import Target

    try:
        return Target(name=name).name
    except ValidationError as error:
        raise ConfigError(explain_validation("the command", error)) from error


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift evaluate examples/sample/shards --policy default --swapped 0.3`\n\n"
    "`pairsift evaluate 'shards/*.tar' --fusion none --fusion products`"
)
def evaluate(
    source: Annotated[str, typer.Argument(help="Pairs to plant faults in copies of: shards or a folder, as for run.")],
    policy: Annotated[
        list[str] | None, typer.Option(help="A shipped policy's name, or a policy file; may be repeated.")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder that compares images and captions.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file: encoder, preprocessing and policy are taken.")] = None,
    pairs: Annotated[int, typer.Option(min=40, help="Pairs to examine, chosen by their content.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice, the faults, the draws and the bootstrap.")] = 0,
    swapped: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of swapped captions that fdr is tried with.")
    ] = 0.3,
    draws: Annotated[int, typer.Option(min=2, help="Draws of swapped captions.")] = 50,
    enhancements: Annotated[
        bool, typer.Option("--enhancements", help="Also measure what CLAHE, denoising and unsharp masking are worth.")
    ] = False,
    fusion: Annotated[
        list[str] | None,
        typer.Option(
            help="Also measure how far scores and fused embeddings of this head move under noise, blur, crop, JPEG and "
            "typos; none for fusion without a head; may be repeated."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Examine signals and policies on SOURCE: plant known faults in copies of its pairs, and see what finds them."""
    # Before NumPy is imported, which reads it then. Hundreds of decisions on small tables: BLAS threads that wait for
    # each other take 0.16 s of CPU time each, one takes 0.02 s.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from pairsift.adapters.policies import load_policy
    from pairsift.console import counting, show
    from pairsift.console.exams import render_evaluate
    from pairsift.evaluating import Exam  # loads torch
    from pairsift.evaluating import evaluate as examine

    chosen = config_for(encoder, config)
    policies = [load_policy(name) for name in policy or [chosen.policy]]
    exam = Exam(policies, pairs, seed, swapped, draws, enhancements, list(dict.fromkeys(fusion or ())))
    with counting("pictures examined", exam.passes * pairs, shown=not as_json) as advance:
        outcome = examine(source, chosen, exam, advance)
    show(outcome.document(), as_json, render_evaluate)
