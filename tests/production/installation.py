"""What a test has of its own on the shared test bed: storage, database, and the environment that names them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Installation:
    """Where one test's runs keep what they do."""

    folder: Path
    database_url: str

    @property
    def storage(self) -> Path:
        """The storage folder, shared by all of the test's workers."""
        return self.folder / "storage"

    @property
    def variables(self) -> dict[str, str]:
        """What the environment of a worker says of it."""
        return {"PAIRSIFT_DATABASE_URL": self.database_url, "PAIRSIFT_STORAGE": str(self.storage)}
