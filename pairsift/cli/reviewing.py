"""The command that lets people look through pairs in a browser."""

from typing import Annotated

import typer

from pairsift.cli.app import DataSet, Json, app, opened_store

PORT = 8420


@app.command(epilog="**Examples**\n\n`pairsift review sample`\n\n`pairsift review sample --write --port 9000`")
def review(
    dataset: DataSet,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any that is free.")] = PORT,
    host: Annotated[
        str, typer.Option(help="The address to listen on; beyond this machine only with PAIRSIFT_REVIEW_TOKEN.")
    ] = "127.0.0.1",
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A name that browsers may call it by; may be repeated.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Allow labels and new versions of policies.")] = False,
    reviewer: Annotated[
        str | None, typer.Option(help="Who labels, where no token is asked for; by default your account's name.")
    ] = None,
    prefect_ui: Annotated[
        str | None, typer.Option(envvar="PREFECT_UI_URL", help="Address of the Prefect UI that runs are linked to.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look through the pairs of a data set in a browser, until Ctrl-C; with --write also label them."""
    from pairsift.adapters.browsed import Browsed
    from pairsift.console import show
    from pairsift.console.looking import render_review
    from pairsift.progress import partitions_counted
    from pairsift.review.access import open_access
    from pairsift.review.app import make_app
    from pairsift.review.desk import Desk
    from pairsift.review.serving import account, listen, prefect_address, serve
    from pairsift.settings import Settings

    token = Settings().review_token
    secret = None if token is None else token.get_secret_value()
    access = open_access(host, allowed_host or (), secret, write=write, reviewer=reviewer or account())
    browsed = Browsed(opened_store(), dataset)
    with partitions_counted("reading", not as_json) as advance:
        browsed.view(advance=advance)
    listening, address = listen(host, port)
    show({"dataset": dataset, "address": address, "write": write}, as_json, render_review)
    serve(make_app(Desk(browsed, access, prefect_address(prefect_ui))), listening)
