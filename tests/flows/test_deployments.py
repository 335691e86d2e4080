import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import Flow, get_client
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.templating import find_placeholders

from deployments import deploy
from pairsift.adapters.policies import shipped_policies
from pairsift.config import SOURCE_FORMATS

DEPLOYMENTS = deploy.read_yaml("prefect.yaml")["deployments"]
AUTOMATIONS = deploy.read_yaml("automations.yaml")["automations"]
SENT = [action for automation in AUTOMATIONS for action in automation["actions"] if "body" in action]


def name(deployment: dict[str, str]) -> str:
    return f"{deployment['entrypoint']}/{deployment['name']}"


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    """A client of a server without automations of ours."""
    with get_client(sync_client=True) as connected:
        yield connected
        for left in connected.read_automations():
            connected.delete_automation(left.id)


@pytest.fixture
def block(client: SyncPrefectClient) -> UUID:
    """A notification block; nobody listens where it sends to."""
    CustomWebhookNotificationBlock(name="ops", url="http://127.0.0.1:9/").save("ops", overwrite=True)
    found = deploy.find_block(client, "custom-webhook/ops")
    assert found is not None
    return found


def automations(client: SyncPrefectClient) -> dict[str, Automation]:
    return {found.name: found for found in client.read_automations()}


def changed_at(client: SyncPrefectClient) -> dict[str, str]:
    return {found["id"]: found["updated"] for found in client.request("POST", "/automations/filter", json={}).json()}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name)
def test_every_entrypoint_is_a_module_path_that_loads_a_flow(deployment: dict[str, str]):
    assert ":" not in deployment["entrypoint"]

    assert isinstance(load_flow_from_entrypoint(deployment["entrypoint"]), Flow)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name)
def test_every_deployment_sends_heartbeats_and_has_the_tag_that_automations_look_for(deployment: dict[str, Any]):
    assert deployment["tags"] == ["pairsift"]
    assert deployment["work_pool"]["name"] == "pairsift"
    assert deployment["work_pool"]["work_queue_name"] in deploy.QUEUES
    assert deployment["work_pool"]["job_variables"]["env"] == {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}


@pytest.mark.parametrize(
    "entrypoint", [*dict.fromkeys(each["entrypoint"] for each in DEPLOYMENTS if each["name"] != "dispatched")]
)
def test_a_form_describes_every_parameter_at_every_depth(entrypoint: str):
    flow: Flow[..., object] = load_flow_from_entrypoint(entrypoint)

    groups = [flow.parameters.properties, *(model["properties"] for model in flow.parameters.definitions.values())]

    assert [key for group in groups for key, field in group.items() if "description" not in field] == []


def test_a_form_labels_every_field_of_a_run_and_no_group_by_its_class():
    flow: Flow[..., object] = load_flow_from_entrypoint("flows.curate.curate")
    of_run, of_dispatch = (
        flow.parameters.definitions[model]["properties"] for model in ("RunConfig", "DispatchConfig")
    )

    labels = [field["title"] for field in (*of_run.values(), *of_dispatch.values())]

    assert labels == [
        *("Ingest", "Preprocess", "Score", "Policy", "Export", "Chunk pairs", "Decoders", "Dispatch", "Report"),
        *("Work pool", "In flight", "Tries", "Stuck after (seconds)"),
    ]


def test_the_form_of_a_run_names_every_policy_that_is_shipped():
    flow: Flow[..., object] = load_flow_from_entrypoint("flows.curate.curate")

    description = flow.parameters.definitions["RunConfig"]["properties"]["policy"]["description"]

    assert [policy.name for policy in shipped_policies() if policy.name not in description] == []


def test_the_form_of_a_run_offers_a_menu_where_the_choices_are_few():
    flow: Flow[..., object] = load_flow_from_entrypoint("flows.curate.curate")
    of_request, of_score = (flow.parameters.definitions[model]["properties"] for model in ("RunRequest", "ScoreConfig"))

    assert of_request["format"]["enum"] == [*SOURCE_FORMATS]
    assert of_score["dtype"]["enum"] == ["auto", "float32", "bfloat16", "float16", "int8"]
    assert of_score["baseline_input"]["enum"] == ["shared", "published"]


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent["subject"])
def test_a_message_links_to_its_page_and_names_a_section_of_the_runbook(sent: dict[str, str]):
    runbook = Path("docs/operations.md").read_text(encoding="utf-8").partition("\n## Runbook\n")[2]

    section = re.search(r'What to do: docs/operations\.md, "(.+)"', sent["body"])

    assert "|ui_url }}" in sent["body"]
    assert section is not None
    assert f"\n### {section[1]}\n" in runbook


def test_without_a_block_nothing_is_sent_and_dead_runs_are_still_crashed(client: SyncPrefectClient):
    deploy.make_automations(client, block=None)

    assert list(automations(client)) == ["pairsift: no heartbeat"]


def test_with_a_block_every_message_goes_through_it(client: SyncPrefectClient, block: UUID):
    deploy.make_automations(client, block)

    actions = [action for found in automations(client).values() for action in found.actions]
    assert {getattr(action, "block_document_id", None) for action in actions} == {None, block}
    assert len(automations(client)) == len(AUTOMATIONS)


def test_automations_that_are_as_they_should_be_or_switched_off_are_not_touched(client: SyncPrefectClient, block: UUID):
    deploy.make_automations(client, block)
    client.pause_automation(automations(client)["pairsift: run late"].id)
    before = changed_at(client)

    deploy.make_automations(client, block)

    assert changed_at(client) == before


def test_a_changed_automation_is_put_right_and_one_that_was_switched_off_stays_off(client: SyncPrefectClient):
    deploy.make_automations(client, block=None)
    found = automations(client)["pairsift: no heartbeat"]
    client.update_automation(
        found.id, AutomationCore(**found.model_dump(exclude={"id", "description", "owner_resource"}))
    )
    client.pause_automation(found.id)

    deploy.make_automations(client, block=None)

    again = automations(client)["pairsift: no heartbeat"]
    assert again.id == found.id
    assert again.description == found.description
    assert not again.enabled


def test_a_deployment_without_alerts_leaves_the_messages_that_are_there(client: SyncPrefectClient, block: UUID):
    deploy.make_automations(client, block)

    deploy.make_automations(client, block=None)

    assert len(automations(client)) == len(AUTOMATIONS)


def test_what_is_no_longer_in_the_file_is_removed_and_what_is_not_ours_stays(client: SyncPrefectClient):
    deploy.make_automations(client, block=None)
    ours = automations(client)["pairsift: no heartbeat"]
    for written in ("pairsift: of an older version", "of somebody else"):
        client.create_automation(AutomationCore(**ours.model_dump(exclude={"id", "name"}), name=written))

    deploy.make_automations(client, block=None)

    assert sorted(automations(client)) == ["of somebody else", "pairsift: no heartbeat"]


def test_every_placeholder_is_filled_in():
    asked = {found.name for found in find_placeholders(deploy.read_yaml("prefect.yaml"))}

    assert asked <= deploy.Installation().placeholders.keys()


def test_a_daily_run_without_a_source_has_no_active_schedule(monkeypatch: pytest.MonkeyPatch):
    assert deploy.Installation().placeholders["daily_active"] is False

    monkeypatch.setenv("PAIRSIFT_DAILY_SOURCE", "/data/{date}")

    assert deploy.Installation().placeholders["daily_active"] is True


def test_without_a_server_deploying_says_so_in_one_line(capsys: pytest.CaptureFixture[str]):
    with temporary_settings({PREFECT_API_URL: None}):
        code = deploy.main()

    assert code == 2
    told = capsys.readouterr().err
    assert told.startswith("cannot deploy: PREFECT_API_URL is not set")
    assert told.count("\n") == 1


def test_a_server_that_does_not_answer_is_named(capsys: pytest.CaptureFixture[str]):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        code = deploy.main()

    assert code == 2
    assert "no Prefect server answers at PREFECT_API_URL=http://127.0.0.1:9/api" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("PAIRSIFT_DAILY_CRON", "every day", "Invalid cron string"),
        ("PAIRSIFT_TIME_ZONE", "Europe/Berlinn", "Invalid timezone"),
        ("PAIRSIFT_DAILY_DAYS_BACK", "-1", "greater than or equal to 0"),
        ("PAIRSIFT_ALERTS", "ops", "alerts: String should match pattern"),
        ("PAIRSIFT_ALERTS", "slack-webhook/nobody", "there is no block slack-webhook/nobody on the server"),
        ("PAIRSIFT_ALERTS", "secret/ops", "the block secret/ops cannot notify"),
    ],
)
def test_what_is_given_wrongly_is_refused_with_its_value(
    *, variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    Secret(value="a secret").save("ops", overwrite=True)
    monkeypatch.setenv(variable, value)

    assert deploy.main() == 2

    assert told in capsys.readouterr().err
