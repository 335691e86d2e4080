"""What every page of the review needs: the pairs, who may do what, and the answers' frame."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment

from pairsift.adapters.browsed import Browsed
from pairsift.adapters.viewed import Recent
from pairsift.report.meanings import MEANINGS
from pairsift.report.templating import open_templates
from pairsift.review.access import Access

MOST_FORM_BYTES = 256_000
MOST_PICTURES = 2000
"""Small pictures that are remembered, of 20 kB at most."""


@dataclass(frozen=True, eq=False)
class Desk:
    """One running review; `csrf` is what every form of it carries, and no other site can know."""

    browsed: Browsed
    access: Access
    prefect_ui: str | None = None
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    pictures: Recent = field(default_factory=lambda: Recent(MOST_PICTURES))


def _desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


async def _form_of(request: Request) -> Mapping[str, str]:
    """Read a form that one of our own pages sent; anything else is refused."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_FORM_BYTES:
            raise HTTPException(413, "the form is too large")
    try:
        fields = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100))
    except ValueError as error:
        raise HTTPException(400, "the form cannot be read") from error
    if not hmac.compare_digest(fields.get("csrf", "").encode(), _desk_of(request).csrf.encode()):
        raise HTTPException(403, "this form is not of this page, or of an earlier start of it: load the page again")
    return fields


Reviewed = Annotated[Desk, Depends(_desk_of)]
Form = Annotated[Mapping[str, str], Depends(_form_of)]


def render(request: Request, template: str, status: int = 200, **shown: object) -> HTMLResponse:
    """Answer with a page."""
    desk = _desk_of(request)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    frame = {
        "dataset": desk.browsed.dataset,
        "writes": desk.access.write,
        "csrf": desk.csrf,
        "here": here,
        "path": request.url.path,
    }
    return HTMLResponse(_environment().get_template(template).render(**frame, **shown), status)


def go_back(fields: Mapping[str, str]) -> RedirectResponse:
    """Send the browser to the page of this server that a form names; to the pairs if it names anything else."""
    asked = fields.get("next", "/")
    local = asked.startswith("/") and not asked.startswith("//") and "\\" not in asked
    return RedirectResponse(asked if local else "/", 303)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = open_templates("pairsift.review", "pairsift.report")
    made.filters |= {"number": _number, "count": "{:,}".format}
    made.globals |= {"meanings": {str(reason): said for reason, said in MEANINGS.items()}}
    return made


def _number(value: float | None, digits: int = 4) -> str:
    """Write a measured value with so many digits; a whole number with all of its own."""
    if value is None or value != value:  # noqa: PLR0124 - NaN: not measured
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"
