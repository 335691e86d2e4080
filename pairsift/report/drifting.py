"""What people read of drift: what moved, by how much, from what to what."""

from collections.abc import Mapping, Sequence
from typing import Any

from pairsift.core.drift import Drift

WHOLE_RUN = "the run as a whole"


def summarise_drift(window: int | None, compared: int, moved: Sequence[tuple[str | None, Drift]]) -> dict[str, Any]:
    """Sum up a run's drift: the window's number, how many partitions were compared, and what moved in which."""
    return {"window": window, "compared": compared, "moved": [_entry(key, drift.as_json()) for key, drift in moved]}


def tell_drift(result: Mapping[str, Any], most: int = 3) -> str:
    """Say what moved in a comparison as it is stored, the `most` largest of it."""
    if not result["moved"]:
        return "none"
    findings = {finding["name"]: finding for finding in result["findings"]}
    told = [_tell(findings[name]) for name in result["moved"][:most]]
    left = len(result["moved"]) - most
    return "; ".join(told) + (f" and {left} more" if left > 0 else "")


def tell_failures(drift: Mapping[str, Any]) -> str:
    """Say in which partitions drift fails the run, and what moved there; empty if in none."""
    return "; ".join(
        f"drift in {each['partition'] or WHOLE_RUN}: {each['told']}"
        for each in drift["moved"]
        if each["level"] == "fail"
    )


def _entry(key: str | None, result: dict[str, Any]) -> dict[str, Any]:
    """Keep of a comparison what moved; the whole of it is in the store."""
    findings = [finding for finding in result["findings"] if finding["name"] in result["moved"]]
    return {"partition": key, **result, "findings": findings, "told": tell_drift(result)}


def _tell(finding: Mapping[str, Any]) -> str:
    if finding["points"] is not None:
        before, now = (f"{100 * finding[side]:.1f} %" for side in ("before", "now"))
        return f"{finding['name']} {finding['points']:+.1f} points ({before} → {now})"
    before, now = (_shown(finding[side]) for side in ("before", "now"))
    return f"{finding['name']} PSI {finding['psi']:.2f}, KS {finding['ks']:.2f} ({before} → {now})"


def _shown(value: float | str | None) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
