"""The versions of policies that the database knows: those decided by, and those saved on the review page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.tables import policy
from pairsift.core.policy import Policy
from pairsift.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A version of a policy; `note` and `made_by` of those that someone saved."""

    version: str
    sha256: str
    note: str | None
    made_by: str | None
    created_at: datetime


def stored_policy(engine: Engine, name: str, version: str) -> str | None:
    """Give the canonical text of a policy's version; None if it is not known."""
    query = select(policy.c.text).where(policy.c.name == name, policy.c.version == version)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one_or_none()


def policy_versions(engine: Engine, name: str) -> list[PolicyVersion]:
    """List the known versions of a policy, the oldest first."""
    columns = (policy.c.version, policy.c.sha256, policy.c.note, policy.c.made_by, policy.c.created_at)
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(policy.c.name == name))
        return sorted((PolicyVersion(*row) for row in rows), key=lambda known: int(known.version))


def save_version(engine: Engine, saved: Policy, note: str, made_by: str) -> None:
    """Make a policy's new version known, with why and by whom; ConfigError where that version is taken."""
    values = {"name": saved.name, "version": str(saved.version), "sha256": saved.sha256, "text": saved.text}
    with writing(engine) as connection:
        taken = select(policy.c.id).where(policy.c.name == saved.name, policy.c.version == str(saved.version))
        if connection.execute(taken).first() is not None:
            raise ConfigError(f"policy {saved.name} has a version {saved.version} by now: save it again")
        row = {**values, "note": note, "made_by": made_by, "created_at": now(connection)}
        connection.execute(policy.insert(), row)
