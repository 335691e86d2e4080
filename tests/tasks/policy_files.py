"""Policies for shards so small that false discoveries cannot be told: one rule, and a fixed cut."""

from pathlib import Path

POLICY = """
name: fixed-cut
version: {version}
description: Drops blurred pictures, then what is below a fixed alignment.
cleaner: default
rules:
  - {{signal: image.sharpness, lt: 20, reason: blurry}}
duplicates: drop
select: {{method: absolute, signal: pair.alignment, ge: {cut}, unmeasurable: quarantine}}
"""


def fixed_cut(folder: Path, cut: float = -1.0, version: int = 1) -> Path:
    """Write a policy that keeps what passes its rule and has an alignment of at least `cut`."""
    path = folder / f"fixed-cut-{version}.yaml"
    path.write_text(POLICY.format(version=version, cut=cut))
    return path
