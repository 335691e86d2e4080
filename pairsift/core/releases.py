"""The manifest of a release: what it is made of, hashed, and beside it its name, its time and where it came from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pairsift.core.calibration import UNCALIBRATED, calibration_of, target_of
from pairsift.core.fingerprint import fingerprint


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """An exported file of a release: its format's name, its path below the data set's folder, rows, sha256 and size."""

    name: str
    path: str
    rows: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ReleasedPolicy:
    """A policy, whole: years later nobody needs a database to read by what was decided."""

    name: str
    version: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True)
class ReleasedPartition:
    """One partition of a release: its input, how it was scored and decided, how many pairs came of it, and its files.

    `basis` is a `decision_basis`; `models` are fingerprints by what the models do; `source` is where it was read.
    """

    key: str
    source: str
    input_fingerprint: str
    score_fingerprint: str
    basis: str
    policy: ReleasedPolicy
    pairs: Mapping[str, int]
    models: Mapping[str, str]
    files: Sequence[ReleasedFile]


@dataclass(frozen=True, slots=True)
class ReleasedPairs:
    """The file that lists the kept pairs: so many, seen so often by a trainer, and its sha256."""

    rows: int
    samples: int
    sha256: str


def release_content(
    dataset: str, partitions: Sequence[ReleasedPartition], calibrations: Mapping[str, str | None], pairs: ReleasedPairs
) -> dict[str, Any]:
    """Say what a release is made of; the same files, decisions and sources say the same, whenever and wherever.

    `calibrations` are the sha256s of their files by fingerprint.
    """
    bases = {part.basis for part in partitions}
    used = sorted({calibration_of(basis) for basis in bases} - {UNCALIBRATED})
    policies = {part.policy.sha256: asdict(part.policy) for part in partitions}
    return {
        "dataset": dataset,
        "pairs": asdict(pairs),
        "policies": [policies[sha256] for sha256 in sorted(policies)],
        "calibrations": {name: calibrations.get(name) for name in used},
        "targets": sorted({target for basis in bases if (target := target_of(basis)) is not None}),
        "partitions": [_describe(part) for part in sorted(partitions, key=lambda part: part.key)],
    }


def _describe(part: ReleasedPartition) -> dict[str, Any]:
    return {
        "partition": part.key,
        "input_fingerprint": part.input_fingerprint,
        "score_fingerprint": part.score_fingerprint,
        "policy_sha256": part.policy.sha256,
        "basis": part.basis,
        "pairs": dict(part.pairs),
        "models": dict(sorted(part.models.items())),
        "files": [asdict(file) for file in sorted(part.files, key=lambda file: file.path)],
    }


def release_text(name: str, content: Mapping[str, Any], sources: Mapping[str, str], made_at: datetime) -> str:
    """Write a release's manifest; `sha256` is that of its `content` alone, as canonical JSON."""
    manifest = {
        "release": name,
        "made_at": made_at.isoformat(timespec="seconds"),
        "sha256": fingerprint(content),
        "sources": dict(sources),
        "content": content,
    }
    return json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Tell of two releases' contents which policies, calibrations, models and ways of scoring only one of them has."""
    told = {}
    for name, (before, after) in {name: (_named(one)[name], _named(other)[name]) for name in _named(one)}.items():
        if before != after:
            told[name] = {"only_a": sorted(before - after), "only_b": sorted(after - before)}
    return told


def changed_partitions(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[str]]:
    """Tell which partitions only one release has, and which both have with other input, scores or decisions."""
    before, after = ({part["partition"]: part for part in content["partitions"]} for content in (one, other))
    both = before.keys() & after.keys()
    identity = ("input_fingerprint", "score_fingerprint", "policy_sha256", "basis")
    return {
        "only_a": sorted(before.keys() - after.keys()),
        "only_b": sorted(after.keys() - before.keys()),
        "changed": sorted(key for key in both if any(before[key][name] != after[key][name] for name in identity)),
    }


def _named(content: Mapping[str, Any]) -> dict[str, set[str]]:
    parts = content["partitions"]
    return {
        "policies": {f"{each['name']}@{each['version']} {each['sha256'][:12]}" for each in content["policies"]},
        "calibrations": set(content["calibrations"]),
        "targets": set(content["targets"]),
        "models": {f"{name} {digest[:12]}" for part in parts for name, digest in part["models"].items()},
        "score fingerprints": {part["score_fingerprint"] for part in parts},
    }
