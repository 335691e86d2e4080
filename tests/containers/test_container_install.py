"""The Dockerfile's own install steps make an environment that works, in plain folders: without a container engine."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.dockerfile import lineage, read_stages

ROOT = Path(__file__).parents[2]
INSTALL_S = 3600
COMMANDS = (["pairsift", "policies", "--json"], ["prefect", "version"], ["python", "-c", "import flows.curate"])


@pytest.fixture
def index(tmp_path: Path) -> None:
    """Skip where there is no package index: every step asks it."""
    asked = ["download", "--quiet", "--no-deps", "--dest", str(tmp_path / "index"), "tzdata"]
    asking = [sys.executable, "-m", "pip", *asked]
    if subprocess.run(asking, capture_output=True, check=False, timeout=300).returncode:
        pytest.skip("no package index answers, and the install steps need one")


@pytest.mark.production
@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("stage", ["install-cpu"])
def test_the_install_steps_make_what_the_image_runs(stage: str, tmp_path: Path):
    """Run the RUN lines as they are, but for /opt/pairsift and /build, which are folders of the test's."""
    build, installed = tmp_path / "build", tmp_path / "opt"
    build.mkdir()
    for each in lineage(read_stages(ROOT / "docker" / "Dockerfile"), stage):
        for word, argument in each.instructions:
            if word == "COPY":
                _copy(argument, build)
            if word == "RUN":
                line = argument.replace("/opt/pairsift", str(installed))
                subprocess.run(["sh", "-ec", line], cwd=build, check=True, timeout=INSTALL_S)

    shutil.rmtree(build)  # the image has the environment alone
    for command in COMMANDS:
        subprocess.run([str(installed / "bin" / command[0]), *command[1:]], cwd=tmp_path, check=True, timeout=300)


def _copy(argument: str, build: Path) -> None:
    """Do a COPY: of one folder its content, of files themselves."""
    *sources, target = argument.split()
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, build / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, build / target)
