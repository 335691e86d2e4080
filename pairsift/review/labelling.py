"""What people say of pairs: of those they meet, and of a sample that is drawn for them."""

import re

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pairsift.adapters.comparing import ACTIVE
from pairsift.adapters.store.labels import Label, add_label, last_drawn
from pairsift.adapters.store.looked_at import places_of
from pairsift.core.thumbnails import LARGE
from pairsift.review.cards import show_pairs
from pairsift.review.desk import Form, Reviewed, go_back, render
from pairsift.review.precision import next_drawn, told_precision

GOOD = {"1": True, "0": False}

router = APIRouter()


@router.get("/label")
def show_drawn(request: Request, desk: Reviewed, set: str = ACTIVE) -> HTMLResponse:  # noqa: A002 - the field's name in addresses
    """Show the next pair of a sample of the kept, and nothing that would tell how it was scored."""
    view = desk.browsed.view(set)
    place = next_drawn(desk, view) if desk.access.write else None
    return render(
        request,
        "label.html",
        set=set,
        sets=desk.browsed.sets(),
        view=view,
        pair=None if place is None else show_pairs(desk, view, [place], LARGE)[0],
        last=last_drawn(desk.browsed.engine, desk.browsed.dataset_id) if desk.access.write else None,
        precision=told_precision(desk, view),
    )


@router.post("/labels")
def label_pair(request: Request, desk: Reviewed, fields: Form) -> RedirectResponse:
    """Keep what someone says of a pair, and go back to where they said it."""
    uid, good = fields.get("uid", ""), GOOD.get(fields.get("good", ""))
    if good is None or not re.fullmatch("[0-9a-f]{32}", uid):
        raise HTTPException(400, "a label is good (1) or bad (0), of a pair named by its uid")
    if not places_of(desk.browsed.engine, desk.browsed.dataset_id, uid):
        raise HTTPException(404, "no committed pair of this data set has that uid")
    drawn = "drawn" in fields and _is_drawn(desk, fields, uid)
    add_label(desk.browsed.engine, desk.browsed.dataset_id, Label(uid, good, drawn, request.state.who))
    return go_back(fields)


def _is_drawn(desk: Reviewed, fields: Form, uid: str) -> bool:
    """Say whether a pair is the one that is drawn now: by hand nobody adds to the sample."""
    view = desk.browsed.view(fields.get("set", ACTIVE))
    place = next_drawn(desk, view)
    return place is not None and view.columns.uids[place].decode() == uid
