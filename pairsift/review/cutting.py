"""Where the cut lies, what another would keep, and another as a new version of the policy."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from pairsift.adapters.comparing import ACTIVE
from pairsift.adapters.policies import describe_policy, own_name
from pairsift.adapters.store.versions import policy_versions, save_version, stored_policy
from pairsift.adapters.viewed import View
from pairsift.core.policy import Policy
from pairsift.core.policy_versions import knob_of, parse_version, with_knob, write_policy
from pairsift.errors import ConfigError
from pairsift.report.charts import cut_chart
from pairsift.report.page import slider_of
from pairsift.review.desk import Desk, Form, Reviewed, render
from pairsift.review.precision import told_precision

router = APIRouter()


@router.get("/cut")
def show_cut(request: Request, desk: Reviewed, set: str = ACTIVE) -> HTMLResponse:  # noqa: A002 - the field's name in addresses
    """Show the survivors by score, with a slider on the cut."""
    view = desk.browsed.view(set)
    return render(
        request,
        "cut.html",
        set=set,
        sets=desk.browsed.sets(),
        view=view,
        chart=None if view.cut is None else cut_chart(view.cut),
        slider=None if view.cut is None else slider_of(view.cut),
        knob=knob_of(view.policy),
        precision=told_precision(desk, view),
    )


@router.get("/policy")
def show_policy(request: Request, desk: Reviewed, set: str = ACTIVE) -> HTMLResponse:  # noqa: A002 - see show_cut
    """Show the policy that decided, its versions, and its text to be changed."""
    view = desk.browsed.view(set)
    return _page(request, desk, view, set)


@router.get("/policy.yaml")
def send_policy(desk: Reviewed, name: str, version: str) -> Response:
    """Send a known policy as the file that `--policy` takes."""
    text = stored_policy(desk.browsed.engine, name, version)
    if text is None:
        raise HTTPException(404, "the database knows no such policy")
    return Response(write_policy(Policy.model_validate_json(text)), media_type="text/plain; charset=utf-8")


@router.post("/policies")
def save_policy(request: Request, desk: Reviewed, fields: Form) -> HTMLResponse:
    """Save another version of the policy of a decision set: its number moved, or its text changed."""
    set_name = fields.get("set", ACTIVE)
    view = desk.browsed.view(set_name)
    note, text = fields.get("note", "").strip(), fields.get("text", "")
    if not note:
        return _page(request, desk, view, set_name, status=400, problem="say in the note why it is made", text=text)
    try:
        made = _made(desk, view.policy, fields)
        save_version(desk.browsed.engine, made, note, request.state.who)
    except ConfigError as error:
        return _page(request, desk, view, set_name, status=400, problem=str(error), text=text, note=note)
    return render(request, "saved.html", made=made, note=note, set=set_name)


def _made(desk: Desk, policy: Policy, fields: Form) -> Policy:
    own = _own(policy)
    known = policy_versions(desk.browsed.engine, own.name)
    version = max((int(each.version) for each in known), default=0) + 1
    if "value" not in fields:
        made = parse_version(fields.get("text", ""), version)
        if made.name != own.name:
            raise ConfigError(f"a version of this policy is called {own.name!r} (got {made.name!r})")
        return made
    try:
        return with_knob(own, float(fields["value"]), version)
    except ValueError as error:
        raise ConfigError(f"a number is needed to cut at (got {fields['value'][:40]!r})") from error


def _own(policy: Policy) -> Policy:
    """Give a policy under the name that versions of it are saved by."""
    return policy.model_copy(update={"name": own_name(policy.name)})


def _page(request: Request, desk: Desk, view: View, set_name: str, **shown: object) -> HTMLResponse:
    status = shown.pop("status", 200)
    own = _own(view.policy)
    names = dict.fromkeys((own.name, view.policy.name))
    versions = [(name, each) for name in names for each in policy_versions(desk.browsed.engine, name)[::-1]]
    frame = {"problem": None, "text": "", "note": "", **shown}
    frame["text"] = frame["text"] or write_policy(own if desk.access.write else view.policy)
    return render(
        request,
        "policy.html",
        status=int(str(status)),
        set=set_name,
        sets=desk.browsed.sets(),
        view=view,
        told=describe_policy(view.policy),
        versions=versions,
        own=own.name,
        **frame,
    )
