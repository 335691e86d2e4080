"""Policies for small shards: one rule, and a fixed cut, or the false discovery rate, which needs a calibration."""

from pathlib import Path

POLICY = """
name: {name}
version: {version}
description: Drops blurred pictures, then what the selection leaves out.
cleaner: default
rules:
  - {{signal: image.sharpness, lt: 20, reason: blurry}}
duplicates: drop
select: {select}
"""


def fixed_cut(folder: Path, cut: float = -1.0, version: int = 1) -> Path:
    """Write a policy that keeps what passes its rule and has an alignment of at least `cut`."""
    select = f"{{method: absolute, signal: pair.alignment, ge: {cut}, unmeasurable: quarantine}}"
    return _write(folder / f"fixed-cut-{version}.yaml", version=version, select=select)


def by_fdr(folder: Path) -> Path:
    """Write the same with the false discovery rate as its selection."""
    return _write(folder / "by-fdr.yaml", name="by-fdr", version=1, select="{method: fdr, alpha: 0.2}")


def above_the_reference_median(folder: Path) -> Path:
    """Write the same without a rule, with a cut that the calibration freezes."""
    select = "{method: percentile, signal: pair.alignment, percentile: 50, pool: calibration}"
    path = _write(folder / "median.yaml", name="median", version=1, select=select)
    path.write_text(path.read_text().replace("blurry}", "blurry, unmeasurable: keep}").replace("lt: 20", "lt: 0"))
    return path


def best_half_of_the_run(folder: Path) -> Path:
    """Write the same with a cut that all partitions of a run share."""
    select = "{method: top_fraction, signal: pair.alignment, fraction: 0.5, pool: run}"
    return _write(folder / "half.yaml", name="half", version=1, select=select)


def _write(path: Path, name: str = "fixed-cut", **content: object) -> Path:
    path.write_text(POLICY.format(name=name, **content))
    return path
