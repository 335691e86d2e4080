"""The application: its pages in one place, guarded, and errors as pages."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from pairsift.errors import UnusableInputError
from pairsift.review import comparing, cutting, entering, grid, labelling, single
from pairsift.review.access import Guard
from pairsift.review.desk import Desk, render


def make_app(desk: Desk) -> Guard:
    """Make the application of one review."""
    app = FastAPI(title="Pairsift review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    for part in (grid, single, cutting, comparing, labelling, entering):
        app.include_router(part.router)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(UnusableInputError, _unusable)
    return Guard(app, desk.access)


def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return render(request, "problem.html", status, problem=getattr(error, "detail", ""))


def _misread(request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in faults)
    return render(request, "problem.html", 400, problem=f"the address cannot be read: {told}")


def _unusable(request: Request, error: Exception) -> Response:
    return render(request, "problem.html", 400, problem=str(error))
