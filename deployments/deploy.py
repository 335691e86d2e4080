"""Put everything on a Prefect server: the work pool, its queues, deployments, automations. Twice is the same as once.

`make deploy` runs this from the repository's root. prefect.yaml and automations.yaml say what there is; what differs
between installations is read from the environment, or from .env: see `Installation`.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import yaml
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.utilities.templating import apply_values
from prefect.workers.process import ProcessWorker
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pairsift.config import explain_validation
from pairsift.errors import ConfigError

ROOT = Path(__file__).parents[1]
POOL = "pairsift"
QUEUES = {
    "parents": "Runs that plan, dispatch, rerun and reap; their worker needs no GPU.",
    "partitions": "One partition or one training a run; one worker for each GPU.",
}
PREFIX = "pairsift: "
"""What the names of our automations start with; no other automation is touched."""
NO_SOURCE = "(set PAIRSIFT_DAILY_SOURCE and deploy again)"
NEXT_STEPS = """
Start the workers, with PREFECT_API_URL, PAIRSIFT_DATABASE_URL and PAIRSIFT_STORAGE in their environment:
  prefect worker start --pool pairsift --work-queue parents
  CUDA_VISIBLE_DEVICES=0 prefect worker start --pool pairsift --work-queue partitions --limit 1
The first once for all hosts, the second once for each GPU, or once on a host without one. See docs/operations.md."""


class Installation(BaseSettings):
    """What differs between installations, from PAIRSIFT_* variables."""

    model_config = SettingsConfigDict(
        env_prefix="PAIRSIFT_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    daily_source: str | None = Field(default=None, description="Source of curate/daily, with {date} in it.")
    daily_dataset: str = Field(default="daily", description="Data set that curate/daily adds to.")
    daily_cron: str = Field(default="0 6 * * *", description="When curate/daily starts.")
    daily_days_back: int = Field(default=0, ge=0, le=366, description="Days from the day in {date} to that time.")
    time_zone: str = Field(default="UTC", description="Time zone of that time, and of the day in {date}.")
    alerts: str | None = Field(
        default=None, pattern=r"^[^/]+/[^/]+$", description="Notification block of the alerts, as BLOCK-TYPE/NAME."
    )

    @property
    def placeholders(self) -> dict[str, Any]:
        """What the placeholders of prefect.yaml stand for, by name; typed, as the forms' schemas are strict."""
        scheduled = self.daily_source is not None
        return {**self.model_dump(), "daily_source": self.daily_source or NO_SOURCE, "daily_active": scheduled}


def main() -> int:
    """Deploy, and say what was made; exit code 2 and one line when something given is not usable."""
    try:
        installation = read_installation()
        with get_client(sync_client=True) as client:
            check_server(client)
            block = find_block(client, installation.alerts)
            make_pool(client)
            make_deployments(installation)
            automations = make_automations(client, block)
            report(client, automations)
    except ConfigError as error:
        print(f"cannot deploy: {error}", file=sys.stderr)
        return 2
    print(f"\n{schedule_of(installation)}")
    if block is None:
        print("Notifications are not touched: name a block to send them, as in make deploy ALERTS=slack-webhook/ops.")
    print(NEXT_STEPS)
    return 0


def read_installation() -> Installation:
    """Read what differs between installations; ConfigError names the variable that is wrong."""
    if not PREFECT_API_URL.value():
        raise ConfigError("PREFECT_API_URL is not set; expected the API of a Prefect server, http://HOST:4200/api")
    try:
        installation = Installation()
        CronSchedule(cron=installation.daily_cron, timezone=installation.time_zone)  # refuses what is no time
    except ValidationError as error:
        raise ConfigError(explain_validation("what the environment says in PAIRSIFT_*", error)) from error
    return installation


def check_server(client: SyncPrefectClient) -> None:
    """Raise ConfigError if no Prefect server answers."""
    error = client.api_healthcheck()
    if error is not None:
        raise ConfigError(f"no Prefect server answers at PREFECT_API_URL={client.api_url}: {error}") from error


def find_block(client: SyncPrefectClient, alerts: str | None) -> UUID | None:
    """Find the notification block named BLOCK-TYPE/NAME; ConfigError if there is none, or it cannot notify."""
    if alerts is None:
        return None
    kind, name = alerts.split("/")
    try:
        block = client.read_block_document_by_name(name, kind, include_secrets=False)
    except ObjectNotFound as error:
        raise ConfigError(
            f"there is no block {alerts} on the server: make one (page Blocks of its UI), or leave ALERTS out"
        ) from error
    if block.block_schema is None or "notify" not in block.block_schema.capabilities:
        raise ConfigError(f"the block {alerts} cannot notify; expected a notification block, such as slack-webhook/ops")
    return block.id


def make_pool(client: SyncPrefectClient) -> None:
    """Create the work pool and its queues where they are missing; what was paused or limited stays so."""
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    there = {queue.name for queue in client.read_work_queues(work_pool_name=POOL)}
    for name in QUEUES.keys() - there:
        client.create_work_queue(name, QUEUES[name], work_pool_name=POOL)


def make_deployments(installation: Installation) -> None:
    """Create or update the deployments by Prefect's own command."""
    filled = apply_values(read_yaml("prefect.yaml"), installation.placeholders)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "prefect.yaml"
        path.write_text(yaml.safe_dump(filled), encoding="utf-8")
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(path)]
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    if done.returncode != 0:
        raise ConfigError(f"`prefect deploy` failed:\n{done.stdout}")


def read_yaml(name: str) -> dict[str, Any]:
    """Read a file of this folder."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / name).read_text(encoding="utf-8"))
    return content


def make_automations(client: SyncPrefectClient, block: UUID | None) -> list[AutomationCore]:
    """Create, update and remove automations until the server has those of automations.yaml; return them.

    Without a block those that notify are left as they are: not made, not changed, not removed.
    """
    written: list[dict[str, Any]] = read_yaml("automations.yaml")["automations"]
    there = {found.name: found for found in client.read_automations() if found.name.startswith(PREFIX)}
    for name in there.keys() - {PREFIX + each["name"] for each in written}:
        client.delete_automation(there[name].id)
    wanted = [as_automation(each, block) for each in written if block is not None or not notifies(each)]
    for automation in wanted:
        make_automation(client, automation, there.get(automation.name))
    return wanted


def notifies(written: Mapping[str, Any]) -> bool:
    """Say whether an automation of automations.yaml sends a notification."""
    return any(action["type"] == "send-notification" for action in written["actions"])


def as_automation(written: Mapping[str, Any], block: UUID | None) -> AutomationCore:
    """Make an automation of what automations.yaml says, with the block that its notifications go to."""
    actions = [
        {**action, "block_document_id": block} if action["type"] == "send-notification" else action
        for action in written["actions"]
    ]
    return AutomationCore.model_validate({**written, "name": PREFIX + written["name"], "actions": actions})


def make_automation(client: SyncPrefectClient, wanted: AutomationCore, found: Automation | None) -> None:
    """Create or update one automation; one that was switched off stays off.

    One that is as it should be is not touched: an update makes the server forget what it is waiting for.
    """
    if found is None:
        client.create_automation(wanted)
        return
    wanted = wanted.model_copy(update={"enabled": found.enabled})
    if AutomationCore.model_validate(found.model_dump()) != wanted:
        client.update_automation(found.id, wanted)


def report(client: SyncPrefectClient, automations: Sequence[AutomationCore]) -> None:
    """Print what there is now."""
    of_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    flows = {flow.id: flow.name for flow in client.read_flows(work_pool_filter=of_pool)}
    names = [f"{flows[found.flow_id]}/{found.name}" for found in client.read_deployments(work_pool_filter=of_pool)]
    print(f"On {PREFECT_API_URL.value()} there are now")
    print(f"  the work pool {POOL} with the queues {' and '.join(QUEUES)}")
    print(f"  the deployments {', '.join(sorted(names))}")
    print(f"  the automations {', '.join(each.name.removeprefix(PREFIX) for each in automations)}")


def schedule_of(installation: Installation) -> str:
    """Say when curate/daily starts and what it does then, or what it lacks."""
    if installation.daily_source is None:
        return "curate/daily is not scheduled: set PAIRSIFT_DAILY_SOURCE, with {date} in it, and deploy again."
    when = f"'{installation.daily_cron}' {installation.time_zone}"
    return f"curate/daily starts at {when}: {installation.daily_source} into {installation.daily_dataset}."


if __name__ == "__main__":
    sys.exit(main())
