"""One pair: its story, its picture, and what people said of it."""

import re
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from pairsift.adapters.comparing import ACTIVE
from pairsift.adapters.pictures import picture_of
from pairsift.adapters.store.labels import history_of
from pairsift.adapters.store.looked_at import pairs_shown, places_of
from pairsift.adapters.stories import tell
from pairsift.adapters.viewed import View
from pairsift.core.signals import BY_NAME
from pairsift.core.thumbnails import CARD, LARGE
from pairsift.report.escaping import xml
from pairsift.review.cards import Shown, show_pairs
from pairsift.review.desk import Desk, Reviewed, render

SIZES = {"card": CARD, "large": LARGE}
REMEMBERED_S = 86_400

_UID = re.compile(r"[0-9a-f]{32}")
_AT = re.compile(r"(\d{1,18})/(\d{1,18})")

router = APIRouter()


@router.get("/pairs/{uid}")
def show_pair(request: Request, desk: Reviewed, uid: str, set: str = ACTIVE, at: str = "") -> HTMLResponse:  # noqa: A002 - the field's name in addresses
    """Show the pair of a content; of several that are alike the one at `at`, ATTEMPT/ORDINAL, else the first."""
    view = desk.browsed.view(set)
    found = _places(desk, view, uid)
    if not found:
        raise HTTPException(404, f"no committed pair of this data set has the uid {uid[:32]!r} under this decision set")
    pairs = show_pairs(desk, view, found, LARGE)
    pair = next((each for each in pairs if each.name == at), pairs[0])
    return render(
        request,
        "pair.html",
        set=set,
        view=view,
        pair=pair,
        alike=[each for each in pairs if each is not pair],
        story=_story(desk, pair),
        units={name: signal.unit for name, signal in BY_NAME.items()},
        history=history_of(desk.browsed.engine, desk.browsed.dataset_id, uid),
        prefect=_prefect_page(desk, pair),
    )


@router.get("/pictures/{attempt}/{ordinal}/{size}.jpg")
def show_picture(desk: Reviewed, attempt: int, ordinal: int, size: str) -> Response:
    """Send a small picture, encoded anew; where there is none a drawing that says why."""
    view = desk.browsed.view()
    if size not in SIZES or view.places.find(attempt, ordinal) is None or attempt not in view.sets:
        raise HTTPException(404, "there is no such picture")
    made = desk.pictures.get_or_make((attempt, ordinal, size), lambda: _picture(desk, view, (attempt, ordinal), size))
    if isinstance(made, str):
        return Response(_placard(made), media_type="image/svg+xml")
    return Response(made, media_type="image/jpeg", headers={"cache-control": f"private, max-age={REMEMBERED_S}"})


def _picture(desk: Desk, view: View, place: tuple[int, int], size: str) -> bytes | str:
    (row,) = pairs_shown(desk.browsed.engine, [place], view.sets)
    return picture_of(row, SIZES[size])


def _places(desk: Desk, view: View, uid: str) -> list[int]:
    if not _UID.fullmatch(uid):
        return []
    named = places_of(desk.browsed.engine, desk.browsed.dataset_id, uid)
    found = [view.places.find(*place) for place in named if place[0] in view.sets]
    return [place for place in found if place is not None]


def _story(desk: Desk, pair: Shown) -> dict[str, Any]:
    """Tell the pair's whole story, as `explain` does."""
    wanted = (desk.browsed.dataset, pair.partition, pair.row["key"])
    return next(
        story
        for story in tell(desk.browsed.engine, pair.row["uid"])
        if tuple(story["origin"][name] for name in ("dataset", "partition", "key")) == wanted
    )


def _prefect_page(desk: Desk, pair: Shown) -> str | None:
    run = pair.row["flow_run_id"]
    return f"{desk.prefect_ui}/runs/flow-run/{run}" if desk.prefect_ui and run else None


def _placard(why: str) -> str:
    line = 'x="120" text-anchor="middle" font-family="sans-serif" font-size="14" fill="#ffffff"'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 120" width="240" height="120">'
        '<rect width="240" height="120" fill="#59636e"/>'
        f'<text y="56" {line}>no picture</text><text y="78" {line}>{xml(why)}</text></svg>'
    )
