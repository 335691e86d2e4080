"""Identity: sha256 over canonical JSON. No chunk size, device, host, path, URI, time or attempt enters."""

import hashlib
import json
from collections.abc import Sequence

SCORING_VERSION = 3
"""Raise by hand when a change of code changes any signal or embedding; a golden test guards it."""


DECIDING_VERSION = 1
"""Raise by hand when a change of code changes a decision that the same scores, calibration and policy get."""


def fingerprint(value: object) -> str:
    """Hash a JSON-able value: sorted keys, no white space, UTF-8; 64 hex digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def chunk_fingerprint(score_fingerprint: str, pairs: Sequence[tuple[str, str | None]]) -> str:
    """Identify a chunk by its pairs' (uid, image sha256), in order, and by how they are scored."""
    return fingerprint({"score": score_fingerprint, "pairs": [list(pair) for pair in pairs]})


def decision_fingerprint(score_fingerprint: str, calibration: str, policy: str) -> str:
    """Identify how pairs are decided: how they were scored, the calibration's rule or id, the policy's sha256."""
    content = {"version": DECIDING_VERSION, "score": score_fingerprint, "calibration": calibration, "policy": policy}
    return fingerprint(content)


def export_fingerprint(decision: str, formats: Sequence[str], pairs: str) -> str:
    """Identify an export: the decision, what is written, and the digest of the pairs' origins (`pairs_digest`)."""
    return fingerprint({"decision": decision, "formats": sorted(formats), "pairs": pairs})
