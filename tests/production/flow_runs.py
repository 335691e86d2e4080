"""Flow runs on the test bed's server: started from deployments, watched through the API."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled

from tests.production.processes import wait_until

PAGE = 200
FINAL = (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)


def start(deployment: str, parameters: dict[str, Any] | None = None) -> UUID:
    """Ask for a run of a deployment, named FLOW/DEPLOYMENT, as the form of the UI does; return its id."""
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        return client.create_flow_run_from_deployment(found.id, parameters=parameters).id


def read(flow_run_id: UUID) -> FlowRun:
    """Read a flow run as the server shows it now."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run_id)


def runs_of(flow: str) -> list[FlowRun]:
    """Read all runs of a flow, those that are still scheduled too."""
    return read_all(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])))


def read_all(**filters: Any) -> list[FlowRun]:
    """Read all runs that filters of Prefect's client let through, page by page."""
    runs: list[FlowRun] = []
    with get_client(sync_client=True) as client:
        while page := client.read_flow_runs(limit=PAGE, offset=len(runs), **filters):
            runs += page
    return runs


def cancel_open() -> None:
    """Cancel whatever has not ended but what the scheduler made, so that no worker takes it any more."""
    states = FlowRunFilterStateType(any_=[state for state in StateType if state not in FINAL])
    for run in read_all(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=states))):
        if not run.auto_scheduled:
            set_state(run.id, Cancelled(message="its test has ended"))


def set_state(flow_run_id: UUID, state: State[Any]) -> None:
    """Say that a run is in a state, as the process that executes it would."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run_id, state, force=True)


def wait_for(flow_run_id: UUID, states: Collection[StateType] = FINAL, deadline_s: float = 180) -> FlowRun:
    """Wait until a run is in one of the states, which are those of an ended run unless others are given."""

    def reached() -> bool:
        state = read(flow_run_id).state
        return state is not None and state.type in states

    wait_until(f"the run is {' or '.join(states)}: {describe([read(flow_run_id)])}", reached, deadline_s)
    return read(flow_run_id)


def describe(runs: Sequence[FlowRun]) -> str:
    """Tell names, states and messages of runs, for messages of tests that fail."""
    return "; ".join(f"{run.name}: {run.state_name}, {run.state.message if run.state else None}" for run in runs)
