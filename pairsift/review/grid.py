"""The pairs of a data set, a page at a time."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from pairsift.adapters.viewed import SORTABLE, View
from pairsift.core.arrays import Integers
from pairsift.core.browsing import Page, page_after, page_before
from pairsift.core.differences import Change
from pairsift.core.records import Verdict
from pairsift.core.thumbnails import CARD
from pairsift.review.asking import Asked, read_position, write_position
from pairsift.review.cards import show_pairs
from pairsift.review.desk import Reviewed, render

PAIRS_OF_A_PAGE = 24

router = APIRouter()


@router.get("/")
def show_grid(request: Request, desk: Reviewed, asked: Annotated[Asked, Query()]) -> HTMLResponse:
    """Show the pairs that are asked for, with what can be asked for."""
    view = desk.browsed.view(asked.set)
    page = turn_to(view, desk.browsed.choose(view, asked.chosen), asked)
    earlier = (
        asked.page(before=write_position(view, asked.sort, page.places[0])) if page.before and page.places else None
    )
    later = asked.page(after=write_position(view, asked.sort, page.places[-1])) if page.after and page.places else None
    return render(
        request,
        "grid.html",
        asked=asked,
        view=view,
        sets=desk.browsed.sets(),
        page=page,
        pairs=show_pairs(desk, view, page.places, CARD),
        earlier=earlier,
        later=later,
        sortable=SORTABLE,
        verdicts=list(Verdict),
        changes=list(Change),
    )


def turn_to(view: View, chosen: Integers, asked: Asked) -> Page:
    """Find the page that is asked for; the first one where nothing, or nothing that can be read, says which."""
    ordering = view.ordering(asked.sort or None, descending=asked.direction == "down")
    before = read_position(view, asked, asked.before) if asked.before else None
    if before is not None:
        return page_before(chosen, ordering, before, PAIRS_OF_A_PAGE)
    after = read_position(view, asked, asked.after) if asked.after else None
    return page_after(chosen, ordering, after, PAIRS_OF_A_PAGE)
