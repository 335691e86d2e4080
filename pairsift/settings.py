"""WHERE to do it: addresses and secrets from PAIRSIFT_* variables; read late, never a flow parameter."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from pairsift.errors import StoreError


class Settings(BaseSettings):
    """Addresses and secrets of one installation."""

    model_config = SettingsConfigDict(env_prefix="PAIRSIFT_", env_file=".env", extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of Pairsift's database; by default SQLite at STORAGE/pairsift.db.",
    )
    database_url_file: Path | None = Field(
        default=None,
        description="File that holds this URL, as containers are given secrets; not read where DATABASE_URL is set.",
    )
    storage: Path = Field(
        default=Path("pairsift-data"),
        description="Folder of durable chunk files, and by default of scratch, database and exports.",
    )
    scratch: Path | None = Field(
        default=None,
        description="Local folder of pixels on their way from preprocess to score; by default scratch/ in STORAGE.",
    )

    gpu_limit: str | None = Field(
        default=None,
        description="Global concurrency limit of Prefect, a slot of which a chunk takes while a GPU scores it.",
    )

    review_token: SecretStr | None = Field(
        default=None,
        description="What everybody must know who opens the review page; without it only this machine may.",
    )

    @property
    def store_url(self) -> str:
        """The database's URL with its secret: for the engine only, never for a log."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        if self.database_url_file is not None:
            return _read_secret(self.database_url_file)
        return f"sqlite:///{self.storage.absolute() / 'pairsift.db'}"


def _read_secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"PAIRSIFT_DATABASE_URL_FILE cannot be read: {type(error).__name__} of {path}") from error
