"""The commands that keep a store for years: named releases, and what is removed."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pairsift.cli.app import EXIT_FAILED, Json, app, database, opened_store

MAKE = "make"


class _ByName(TyperGroup):
    """A group of commands in which anything else is the name of a release to make."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - click's own types
        """Find the command; `pairsift release NAME` is short for `pairsift release make NAME`."""
        named = bool(args) and args[0] not in self.commands
        return super().resolve_command(ctx, [MAKE, *args] if named else args)


releases = typer.Typer(
    cls=_ByName,
    help="Name what a data set shows, and the files of it, once and for all: `pairsift release NAME`.",
    no_args_is_help=True,
)
app.add_typer(releases, name="release")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a release.")]


@releases.command(
    MAKE,
    epilog="**Examples**\n\n`pairsift release make 2026-11 --dataset sample`\n\n`pairsift release 2026-11`",
)
def make_release(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is to be called: for good.")],
    dataset: Annotated[str | None, typer.Option(help="Data set; by default the only one.")] = None,
    out: Annotated[str, typer.Option(help="Where its exports lie; by default exports/ in the storage.")] = "",
    as_json: Json = False,
) -> None:
    """Name what a data set shows now, with its files: never changed, never pruned. `make` may be left out."""
    from pairsift.adapters.releases import Asked
    from pairsift.adapters.releases import make_release as make
    from pairsift.console import show
    from pairsift.console.keeping import render_release
    from pairsift.progress import partitions_counted
    from pairsift.settings import Settings

    engine = opened_store()
    with partitions_counted("listing", not as_json) as advance:
        made = make(engine, Settings().storage.absolute(), Asked(name, dataset, out), advance)
    show(asdict(made), as_json, render_release)


@releases.command("list", epilog="**Example**\n\n`pairsift release list`")
def list_all(as_json: Json = False) -> None:
    """List all releases, the oldest first."""
    from pairsift.adapters.released import tell_releases
    from pairsift.console import show
    from pairsift.console.keeping import render_releases

    show({"releases": tell_releases(opened_store())}, as_json, render_releases)


@releases.command("show", epilog="**Example**\n\n`pairsift release show 2026-11`")
def show_one(name: Name, as_json: Json = False) -> None:
    """Show a release's manifest: its files, policy, calibration, models and sources, and what was withdrawn since."""
    from pairsift.adapters.released import tell_release
    from pairsift.console import show
    from pairsift.console.keeping import render_manifest

    show(tell_release(opened_store(), name), as_json, render_manifest)


@releases.command("verify", epilog="**Example**\n\n`pairsift release verify 2026-11`")
def verify(name: Name, as_json: Json = False) -> None:
    """Read every file of a release, and hold it against its sha256."""
    from pairsift.adapters.released import verify_release
    from pairsift.console import show
    from pairsift.console.keeping import render_verified

    verified = verify_release(opened_store(), name)
    show(asdict(verified), as_json, render_verified)
    if verified.problems:
        raise typer.Exit(EXIT_FAILED)


@releases.command("diff", epilog="**Example**\n\n`pairsift release diff 2026-10 2026-11`")
def diff_two(
    one: Annotated[str, typer.Argument(metavar="A", help="Name of a release.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Name of another one.")],
    as_json: Json = False,
) -> None:
    """Tell which pairs enter and leave from one release to another and why, and in what else they differ."""
    from pairsift.adapters.released import diff_releases
    from pairsift.console import show
    from pairsift.console.keeping import render_release_diff

    show(asdict(diff_releases(opened_store(), one, other)), as_json, render_release_diff)


@app.command(
    epilog="**Examples**\n\n`pairsift prune`\n\n`pairsift prune --apply`\n\n`pairsift prune --decisions 90 --apply`"
)
def prune(
    apply: Annotated[bool, typer.Option("--apply", help="Remove it; without this it is only shown.")] = False,
    older_than: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="Hours since it was superseded, or since a file was written.")
    ] = 24,
    decisions: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Also decisions that are not shown, made before so many days."),
    ] = None,
    reports: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Also reports drawn before so many days.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what nothing refers to any more, in the database and among the files; with --apply remove it."""
    from pairsift.adapters.pruning import Asked, totals
    from pairsift.adapters.pruning import prune as find
    from pairsift.console import show
    from pairsift.console.keeping import render_prune

    pruned = find(opened_store(), kept_here(), Asked(older_than, decisions, reports, apply))
    show({**asdict(pruned), **totals(pruned)}, as_json, render_prune)


def kept_here() -> Any:  # noqa: ANN401 - of a module that is imported late
    """Say where this database's files lie."""
    from pairsift.adapters.pruning import Kept
    from pairsift.adapters.scratch import database_scratch
    from pairsift.adapters.store.engine import open_engine
    from pairsift.settings import Settings

    settings = Settings()
    storage = settings.storage.absolute()
    database = open_engine(settings.store_url).url.render_as_string(hide_password=True)
    folder = (settings.scratch or storage / "scratch").absolute()
    return Kept(storage, database_scratch(folder, database))


@app.command(
    epilog="**Examples**\n\n"
    "`pairsift forget 9f86d081884c7d659a2feaa0c55ad015`\n\n"
    "`pairsift forget sample/shard-00000/000000017 --apply`\n\n"
    "`pairsift forget requests.txt picture.jpg --apply`"
)
def forget(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="UID|KEY|IMAGE_SHA|FILE...",
            help="A uid, a key or DATASET/PARTITION/KEY, an image's sha256, a picture, or a list of such names.",
        ),
    ],
    apply: Annotated[bool, typer.Option("--apply", help="Take it down; without this it is only looked for.")] = False,
    as_json: Json = False,
) -> None:
    """Take pairs down: remove every trace, keep them out of later runs, and prove it. Without --apply only look."""
    from pairsift.adapters.forgetting import forget as take_down
    from pairsift.console import show
    from pairsift.console.keeping import render_forget
    from pairsift.progress import told_steps

    engine = opened_store()
    with told_steps(not as_json) as tell:
        proof = take_down(engine, kept_here(), names, apply=apply, tell=tell)
    show(asdict(proof), as_json, render_forget)
    if apply and not proof.complete:
        raise typer.Exit(EXIT_FAILED)


@database.command("backup", epilog="**Example**\n\n`pairsift db backup /backups/pairsift-2026-11-26.db`")
def back_up_database(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: a file that is not there yet.")],
    as_json: Json = False,
) -> None:
    """Copy an SQLite database while it is in use; PostgreSQL has pg_dump."""
    from pairsift.adapters.store.backing_up import back_up
    from pairsift.console import show
    from pairsift.console.keeping import render_backup

    facts = back_up(opened_store(), target.absolute())
    show({"backup": str(target.absolute()), "sha256": facts.sha256, "bytes": facts.size}, as_json, render_backup)
