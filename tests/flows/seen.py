"""What a run left on Prefect's server for people and automations: artifacts, events and log lines."""

import time
from collections.abc import Callable
from typing import TypeVar

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events.schemas.events import Event

DEADLINE_S = 60
POLL_S = 0.2
MOST_EVENTS = 50  # the server gives no more at once, and refuses the client's own default
Seen = TypeVar("Seen")


def eventually(read: Callable[[], Seen], complete: Callable[[Seen], bool]) -> Seen:
    """Read until it is complete; events and log lines reach the server a moment later than they were sent."""
    deadline = time.monotonic() + DEADLINE_S
    while not complete(seen := read()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return seen


def artifacts(flow_run_id: object) -> list[Artifact]:
    """Read a flow run's artifacts."""
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId.model_validate({"any_": [str(flow_run_id)]}))
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=of_run)


def events(name: str, run_id: str, count: int) -> list[Event]:
    """Read the events of this name that a run's partitions sent, once there are so many."""

    def read() -> list[Event]:
        with get_client(sync_client=True) as client:
            page = client.read_events(EventFilter(event=EventNameFilter(name=[name])), limit=MOST_EVENTS)
        return [event for event in page.events if event.resource.get("pairsift.run") == run_id]

    return eventually(read, lambda seen: len(seen) >= count)


def lines(flow_run_id: object, complete: Callable[[list[str]], bool]) -> list[str]:
    """Read the log of a flow run and its tasks, once it is complete."""
    of_run = LogFilter(flow_run_id=LogFilterFlowRunId.model_validate({"any_": [str(flow_run_id)]}))

    def read() -> list[str]:
        with get_client(sync_client=True) as client:
            return [log.message for log in client.read_logs(of_run)]

    return eventually(read, complete)
