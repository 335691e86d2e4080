from pathlib import Path

import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

DEPLOYMENTS = yaml.safe_load(Path("deployments/prefect.yaml").read_text(encoding="utf-8"))["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_every_entrypoint_is_a_module_path_that_loads_a_flow(deployment: dict[str, str]):
    assert ":" not in deployment["entrypoint"]

    assert isinstance(load_flow_from_entrypoint(deployment["entrypoint"]), Flow)


def test_the_form_of_a_run_describes_every_parameter():
    flow: Flow[..., object] = load_flow_from_entrypoint("flows.curate.curate")

    fields = flow.parameters.definitions["RunRequest"]["properties"]

    assert {name for name, field in fields.items() if "description" not in field} == set()
