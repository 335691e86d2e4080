"""The test bed of production: one PostgreSQL and one Prefect server with all deployments, workers for each test.

Everything is real and runs in processes of its own. A test that fails shows the ends of their logs.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.settings import PREFECT_API_URL, temporary_settings

from pairsift.adapters.store.engine import upgrade
from tasks import workplace
from tests.production import flow_runs
from tests.production.installation import Installation
from tests.production.postgresql import PostgreSQL
from tests.production.prefect_server import PrefectServer
from tests.production.processes import inherited, tail
from tests.production.webhook import Webhook, listening
from tests.production.workers import Workers

ROOT = Path(__file__).parents[2]
DAILY = {
    "PAIRSIFT_DAILY_SOURCE": "/data/{date}",
    "PAIRSIFT_DAILY_CRON": "30 6 1 * *",
    "PAIRSIFT_DAILY_DAYS_BACK": "1",
    "PAIRSIFT_TIME_ZONE": "Asia/Tokyo",
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of all logs of the bed when a test fails."""
    report = yield
    folders = [Path(str(folder)) for name, folder in item.funcargs.items() if name in ("bed_logs", "logs")]
    if report.failed:
        report.sections += [(f"end of {log.name}", tail(log)) for each in folders for log in sorted(each.glob("*.log"))]
    return report


@pytest.fixture(scope="session", autouse=True)
def default_signals() -> Iterator[None]:
    """Let processes be interrupted: what a shell starts with `&` ignores SIGINT, and so would all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def bed_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the logs of what all tests share."""
    return tmp_path_factory.mktemp("bed-logs")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Start PostgreSQL once, with the Prefect server's database in it."""
    with tempfile.TemporaryDirectory(prefix="pairsift-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(Path(folder))
        try:
            server.create_database("prefect")
            server.execute("prefect", "CREATE EXTENSION pg_trgm")
            yield server
        finally:
            server.close()


@pytest.fixture(scope="session")
def prefect_server(
    postgresql: PostgreSQL, bed_logs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrefectServer]:
    """Start the Prefect server once."""
    home = tmp_path_factory.mktemp("prefect-server")
    server = PrefectServer(home, postgresql.url("prefect", "postgresql+asyncpg"), bed_logs / "prefect-server.log")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def prefect_api(prefect_server: PrefectServer) -> Iterator[None]:
    """Let the test itself talk to the bed's server, whatever other tests of the session have set."""
    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}):
        yield


@pytest.fixture(scope="session")
def webhook() -> Iterator[Webhook]:
    """Where all alerts of the bed go."""
    with listening() as server:
        yield server


@pytest.fixture(scope="session")
def deploy(prefect_server: PrefectServer, webhook: Webhook) -> Callable[[], str]:
    """`make deploy` with a daily source and a notification block, as an operator would; it returns what was printed."""
    block = CustomWebhookNotificationBlock(
        name="loopback", url=webhook.url, json_data={"subject": "{{subject}}", "body": "{{body}}"}
    )
    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}):
        block.save("loopback", overwrite=True)
    variables = inherited() | DAILY | {"PREFECT_API_URL": prefect_server.api_url}
    # The environment of the tests is the one to deploy from, and is not set up anew here.
    command = ["make", "--old-file=.venv/.installed", f"BIN={Path(sys.executable).parent}"]

    def make_deploy() -> str:
        done = subprocess.run(
            [*command, "deploy", "ALERTS=custom-webhook/loopback"],
            cwd=ROOT,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return make_deploy


@pytest.fixture(scope="session")
def deployed(prefect_server: PrefectServer, deploy: Callable[[], str]) -> PrefectServer:
    """Deploy everything once; the server that has it."""
    deploy()
    return prefect_server


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The folder of the logs of the test's own workers."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def installation(postgresql: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """Give the test, and this process with it, a storage folder and a migrated database of their own."""
    name = f"pairsift_{uuid4().hex}"
    postgresql.create_database(name)
    own = Installation(tmp_path / "installation", postgresql.url(name))
    own.storage.mkdir(parents=True)
    upgrade(own.database_url)
    for variable, value in own.variables.items():
        monkeypatch.setenv(variable, value)
    yield own
    workplace.store().dispose()


@pytest.fixture
def workers(deployed: PrefectServer, installation: Installation, logs: Path) -> Iterator[Workers]:
    """Start workers that share the test's storage and database; neither they nor the test's runs outlive it."""
    own = Workers(deployed.api_url, installation.folder, logs, installation.variables)
    try:
        yield own
    finally:
        own.close()
        flow_runs.cancel_open()
