"""The whole story of one pair, put together from the store for `pairsift explain`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from pairsift.adapters.store.queries import find_pairs
from pairsift.core.explaining import explain_rule
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.core.selection import describe_select
from pairsift.core.signals import RELATIVE_SIGNALS, SIGNALS, SOURCE_PREFIX

ORIGIN = (
    "dataset", "partition", "key", "uid", "source_uid", "source_uri", "byte_offset", "byte_size", "image_sha256",
    "raw_caption", "caption",
)  # fmt: skip
DECISION = (
    "verdict", "reason", "policy", "policy_version", "pair_alignment_z", "pair_alignment_p", "pair_alignment_q",
    "pair_neg_clip_loss", "pair_norm_sim", "rank", "duplicate_group", "duplicate_of",
    "evaluation_match", "evaluation_distance", "export_uri", "export_row",
)  # fmt: skip
ATTEMPT = (
    "number", "started_at", "ended_at", "host", "run_id", "flow_run_id", "device", "dtype", "score_fingerprint",
    "decision_fingerprint", "config_hash",
)  # fmt: skip
COPIES = {
    Reason.EXACT_DUPLICATE: "the same image and caption, byte for byte",
    Reason.NEAR_DUPLICATE: "nearly the same picture, by its perceptual hash",
    Reason.SEMANTIC_DUPLICATE: "a picture that shows the same, by its embedding",
}
EVALUATED = {
    Reason.EVALUATION_IMAGE: "the same image file",
    Reason.EVALUATION_NEAR_IMAGE: "image.phash differs in {0:.0f} [bits of 64]",
    Reason.EVALUATION_SEMANTIC_IMAGE: "image embeddings with {1:.4f} [cosine]",
    Reason.EVALUATION_CAPTION: "the same caption",
}


def tell(engine: Engine, key_or_uid: str) -> list[dict[str, Any]]:
    """Tell of every committed pair of this key or uid where it came from, what was measured, and why it was decided."""
    return [_story(row) for row in find_pairs(engine, key_or_uid)]


def _story(row: Mapping[str, Any]) -> dict[str, Any]:
    reasons = {name: Reason(reason) for name, reason in row["unmeasurable"].items()}
    values = {signal.name: row[signal.column] for signal in SIGNALS}
    relative = {signal.name: row[signal.column] for signal in RELATIVE_SIGNALS}
    of_source = {f"{SOURCE_PREFIX}{name}": value for name, value in (row["source_columns"] or {}).items()}
    known = values | relative | of_source
    policy = Policy.model_validate_json(row["policy_text"])
    attempt = row["attempt_record"]
    return {
        "origin": {name: row[name] for name in ORIGIN} | of_source,
        "signals": {name: value for name, value in values.items() if value is not None},
        "unmeasurable": reasons,
        "decision": {name: row[name] for name in DECISION}
        | {"rule": _in_evaluation(row) or explain_rule(policy, known, reasons) or _after_rules(row, policy)},
        "provenance": {"measured": _measured(row)}
        | {name: attempt[name] for name in ATTEMPT}
        | {f"model {model['name']}": model["fingerprint"] for model in row["models"]}
        | {
            f"{model['name']}: {fact}": value
            for model in row["models"]
            for fact, value in (model["facts"] or {}).items()
        }
        | {f"version of {name}": version for name, version in attempt["versions"].items()}
        | {"policy sha256": policy.sha256}
        | {"calibration": (row["calibration"] or {}).get("fingerprint")},
    }


def _measured(row: Mapping[str, Any]) -> str:
    """Tell who measured the pair: the attempt that decided it, or an earlier one, here or elsewhere."""
    if not row["recalled"]:
        return "in this attempt"
    if row["measured_attempt"] is None:
        return "in an attempt that is not there any more; taken from the store"
    partition = f"{row['measured_dataset']}/{row['measured_partition']}"
    return f"in attempt {row['measured_attempt']} of partition {partition}; taken from the store"


def _in_evaluation(row: Mapping[str, Any]) -> str | None:
    """Tell of a pair that is in an evaluation set which member it is, and how far."""
    if row["evaluation_match"] is None:
        return None
    told = EVALUATED[Reason(row["reason"])].format(row["evaluation_distance"], 1 - row["evaluation_distance"])
    return f"in evaluation set, as {row['evaluation_match']}: {told} → {row['verdict']} ({row['reason']})"


def _after_rules(row: Mapping[str, Any], policy: Policy) -> str:
    """Tell how a pair fared that passed all rules."""
    if row["reason"] == Reason.PLACEHOLDER:
        return f"the same picture stands under many captions → {row['verdict']} ({row['reason']})"
    if row["reason"] in COPIES:
        kept = row["duplicate_of"] or "another pair of the partition"  # older versions did not name it
        return f"copy of {kept}: {COPIES[Reason(row['reason'])]} → {row['verdict']} ({row['reason']})"
    return f"passed all {len(policy.rules)} rules; select {describe_select(policy.select)} → {row['verdict']}"
