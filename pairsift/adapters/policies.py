"""Reads policies: those shipped with the package by their name, others from a file, or versions in the database."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from sqlalchemy import Engine

from pairsift.adapters.store.versions import policy_versions, stored_policy
from pairsift.config import explain_validation
from pairsift.core.conditions import nearest
from pairsift.core.copy_kinds import describe_duplicates
from pairsift.core.decontamination import describe_decontamination
from pairsift.core.policy import Policy
from pairsift.core.rules import describe_rule
from pairsift.core.selection import describe_select
from pairsift.errors import ConfigError

SUFFIX = ".yaml"


def load_policy(name_or_path: str) -> Policy:
    """Read a policy: a shipped one by its name, else the file at a path.

    ConfigError if there is no such policy, or its file cannot be read, is not a valid policy, or has the name of a
    shipped one and says something else.
    """
    shipped = _shipped_files()
    if name_or_path in shipped:
        return _read(shipped[name_or_path], f"shipped policy {name_or_path}")
    path = Path(name_or_path)
    if not path.is_file():
        raise ConfigError(
            f"there is no policy {name_or_path!r}: it is neither a file nor one of the shipped policies "
            f"({', '.join(shipped)}); {nearest(name_or_path, shipped)}; give a name, or the path of a YAML file"
        )
    policy = _read(path, f"policy {name_or_path}")
    if policy.name in shipped and policy.sha256 != load_policy(policy.name).sha256:
        raise ConfigError(
            f"policy {name_or_path} is called {policy.name!r} as one that Pairsift ships, and says something else: "
            f"give it a name of its own, such as name: {own_name(policy.name)}; a later Pairsift may ship any version"
        )
    return policy


def own_name(name: str) -> str:
    """Name a person's versions of a policy: by its name, but of a shipped one by another, whose versions are theirs."""
    return f"my-{name}" if name in _shipped_files() else name


def find_policy(engine: Engine, name_or_path: str) -> Policy:
    """Find a policy as `load_policy` does, or one that the database knows as NAME@VERSION.

    ConfigError if there is none.
    """
    name, mark, version = name_or_path.rpartition("@")
    if not mark or Path(name_or_path).is_file():
        return load_policy(name_or_path)
    text = stored_policy(engine, name, version)
    if text is None:
        known = [f"{name}@{each.version}" for each in policy_versions(engine, name)]
        hint = f"known of it: {', '.join(known)}" if known else "the database knows no policy of that name"
        raise ConfigError(f"there is no policy {name_or_path!r}; {hint}")
    return Policy.model_validate_json(text)


def shipped_policies() -> list[Policy]:
    """Read every policy that comes with the package, by name."""
    return [_read(file, f"shipped policy {name}") for name, file in _shipped_files().items()]


def describe_policy(policy: Policy) -> dict[str, Any]:
    """Tell a policy's whole content, its sha256, and in words every rule and the selection with their units."""
    content = policy.model_dump(mode="json", by_alias=True)
    described = {
        "decontaminate": describe_decontamination(policy.decontaminate),
        "rules": [describe_rule(rule) for rule in policy.rules],
        "duplicates": describe_duplicates(policy.duplicates),
        "select": describe_select(policy.select),
    }
    return {**content, "sha256": policy.sha256, "described": described}


def _shipped_files() -> dict[str, Traversable]:
    found = (file for file in files("pairsift").joinpath("policies").iterdir() if file.name.endswith(SUFFIX))
    return {file.name.removesuffix(SUFFIX): file for file in sorted(found, key=lambda file: file.name)}


def _read(file: Traversable, what: str) -> Policy:
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {what}: {error}") from error
    try:
        return Policy.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(explain_validation(what, error)) from error
