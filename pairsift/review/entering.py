"""The door: a token and a name, where the server lets others than its own machine in; and the pages' own files."""

from functools import lru_cache
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from pairsift.review.access import COOKIE
from pairsift.review.desk import Form, Reviewed, go_back, render

MOST_NAME = 60
SCRIPT, STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
FILES = {
    "report.css": ("pairsift.report", "templates", STYLE),
    "report.js": ("pairsift.report", "templates", SCRIPT),
    "review.css": ("pairsift.review", "static", STYLE),
    "review.js": ("pairsift.review", "static", SCRIPT),
    "icon.svg": ("pairsift.review", "static", "image/svg+xml"),
    "htmx-2.0.10.min.js": ("pairsift.review", "static", SCRIPT),
}
"""What is sent by name, and nothing else; the look and the slider are the report's."""

router = APIRouter()


@router.get("/login")
def show_door(request: Request) -> HTMLResponse:
    """Ask for the token."""
    return render(request, "login.html", problem=None)


@router.post("/login")
def enter(request: Request, desk: Reviewed, fields: Form) -> Response:
    """Let someone in who knows the token and says a name."""
    name = fields.get("name", "").strip()[:MOST_NAME]
    if not name or not desk.access.accepts(fields.get("token", "")):
        return render(request, "login.html", 403, problem="That is not the token, or the name is missing.")
    answer = go_back({"next": "/"})
    answer.set_cookie(COOKIE, desk.access.session(name), httponly=True, samesite="strict")
    return answer


@router.get("/static/{name}")
def send_file(name: str) -> Response:
    """Send one of the pages' own files."""
    if name not in FILES:
        raise HTTPException(404, "there is no such file")
    return Response(_content(name), media_type=FILES[name][2], headers={"cache-control": "private, max-age=3600"})


@lru_cache
def _content(name: str) -> bytes:
    package, folder, _ = FILES[name]
    return files(package).joinpath(folder, name).read_bytes()
