"""docker/ says what it should: pinned, not as root, watched, closed to the outside. No engine is at hand to run it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.containers.dockerfile import lineage, read_stages

ROOT = Path(__file__).parents[2]
STAGES = read_stages(ROOT / "docker" / "Dockerfile")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(set(SERVICES) - {"postgres"})
ENDING = {"tables", "deployments"}
"""Services that do something once."""
PINNED = re.compile(r":\d+\.\d+(\.\d+)?(-[a-z0-9-]+)?$")


def test_the_compose_file_keeps_to_the_specification():
    """Its schema is that of docker-compose 1.29.2 (Apache-2.0), which does not know the key `name` yet."""
    schema = json.loads((ROOT / "tests" / "containers" / "compose_spec.json").read_text(encoding="utf-8"))

    jsonschema.Draft201909Validator(schema).validate({key: COMPOSE[key] for key in COMPOSE.keys() - {"name"}})


def test_the_schema_refuses_what_compose_does_not_know():
    schema = json.loads((ROOT / "tests" / "containers" / "compose_spec.json").read_text(encoding="utf-8"))

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft201909Validator(schema).validate({"services": {"a": {"imagee": "x"}}})


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_by_a_version(name: str):
    assert PINNED.search(SERVICES[name]["image"])


@pytest.mark.parametrize(
    "stage", [stage for stage in STAGES.values() if stage.base not in STAGES], ids=lambda s: s.name
)
def test_a_base_image_is_pinned_by_a_version(stage: Any):
    assert PINNED.search(stage.base)


def test_the_version_of_the_images_is_that_of_the_package():
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)

    assert version is not None
    assert {SERVICES[name]["image"].partition(":")[2] for name in OURS} == {version[1]}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_host_alone(name: str):
    assert [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []
    assert SERVICES[name].get("network_mode") is None


def test_only_the_page_has_a_port():
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "prefect-server": ["127.0.0.1:4200:4200"]
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_unless_it_ends(name: str):
    health = SERVICES[name].get("healthcheck", {})

    assert health == {"disable": True} if name in ENDING else health["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_again_unless_it_ends(name: str):
    assert SERVICES[name].get("restart") == (None if name in ENDING else "unless-stopped")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_more_than_it_must(name: str):
    service = SERVICES[name]

    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert "privileged" not in service
    assert (service.get("user") == "postgres") is (name == "postgres")  # the image of the others says who


@pytest.mark.parametrize("target", ["worker", "cuda"])
def test_an_image_is_not_run_as_root_and_is_watched(target: str):
    stages = lineage(STAGES, target)

    assert [user for stage in stages for user in stage.all("USER")] == ["pairsift"]
    assert [stage.name for stage in stages if stage.all("HEALTHCHECK")] == ["base"]
    assert stages[-1].all("RUN") == []  # what is built is built elsewhere, and only taken over
    assert [copied.split()[0] for copied in stages[-1].all("COPY")] == [f"--from=install-{_kind(target)}"]


def _kind(target: str) -> str:
    return "cpu" if target == "worker" else target


def test_the_slim_image_is_the_one_that_is_built_by_default():
    assert list(STAGES)[-1] == "worker"


@pytest.mark.parametrize("target", ["install-cpu", "install-cuda"])
def test_what_is_installed_is_constrained(target: str):
    installs = [run for stage in lineage(STAGES, target) for run in stage.all("RUN") if "pip install" in run]

    assert installs
    assert all("--constraint constraints.txt" in run for run in installs)


def test_what_the_images_copy_is_sent_to_the_builder():
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    copied = {
        source
        for stage in STAGES.values()
        for line in stage.all("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }

    assert copied == sent
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_secrets_are_files_and_stand_in_no_environment():
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {
        f"./secrets/{name}" for name in COMPOSE["secrets"]
    }
    said = " ".join(f"{each.get('environment')} {each.get('command')}" for each in SERVICES.values())
    assert re.findall(r"PASSWORD(?!_FILE)\w*'?[:=]", said) == []
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])


def test_the_script_makes_every_secret_once(tmp_path: Path):
    script = tmp_path / "secrets.sh"
    script.write_bytes((ROOT / "docker" / "secrets.sh").read_bytes())

    made = []
    for _ in range(2):
        subprocess.run(["sh", str(script)], check=True)
        made.append({path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()})

    assert made[0] == made[1]
    assert made[0].keys() == set(COMPOSE["secrets"])
    passwords = {value for name, value in made[0].items() if name.endswith("password")}
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in passwords)
    assert len(passwords) == 3
    assert made[0]["pairsift_database_url"] == f"postgresql://pairsift:{made[0]['pairsift_password']}@postgres/pairsift"
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("script", ["secrets.sh", "databases.sh"])
def test_a_script_is_one_that_the_shell_reads(script: str):
    subprocess.run(["sh", "-n", str(ROOT / "docker" / script)], check=True)


def test_what_is_waited_for_is_there_and_watched():
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            ends = how["condition"] == "service_completed_successfully"
            assert ends is (other in ENDING), (name, other)


def test_secrets_are_ignored_by_git():
    assert "docker/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
