"""Two decision sets beside each other: who enters, who leaves."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pairsift.adapters.comparing import ACTIVE
from pairsift.review.asking import Asked
from pairsift.review.desk import Reviewed, render

router = APIRouter()


@router.get("/compare")
def show_comparison(request: Request, desk: Reviewed, a: str = "", b: str = ACTIVE) -> HTMLResponse:
    """Count what changes from one decision set to another; without a first one let it be chosen."""
    view = desk.browsed.view(b)
    others = [each for each in desk.browsed.sets() if each.id != view.shown.id]
    if not a and others:
        a = str(others[-1].id)
    before = desk.browsed.view(a) if a else None
    return render(
        request,
        "compare.html",
        a=a,
        b=b,
        set=b,
        sets=desk.browsed.sets(),
        view=view,
        before=before,
        changes={} if before is None else desk.browsed.compare(before, view),
        look=lambda change, reason: Asked(set=b, against=a, change=change, reason=reason or "").address(),
    )
