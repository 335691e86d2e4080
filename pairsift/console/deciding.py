"""What a person sees of decisions: made again, compared, exported, and calibrated anew."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from pairsift.console import plain_line, table


def render_decide(told: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what a policy decided otherwise, and whether that is shown now."""
    partitions = told["partitions"]
    title = f"Data set {told['dataset']}"
    known = f", {partitions['known']} decided so before" if partitions["known"] else ""
    by = f"by policy {told['policy']} {told['policy_version']}"
    lines = [f"{partitions['decided']} partitions decided {by}{known}, in {told['seconds']:.1f} s"]
    if partitions["left"]:
        lines.append(f"Left as they are, scored by another encoder: {', '.join(partitions['left'])}")
    if partitions["besides"]:
        lines.append(f"Among them, since copies of their pairs came: {', '.join(partitions['besides'])}")
    if told["dry_run"]:
        lines.append("Nothing was written: without --dry-run this becomes what the lineage shows")
    else:
        lines.append(f"Decision set {told['decision_set']} is active now; its files: pairsift export {told['dataset']}")
    return [*_changed_tables(told, title), *map(plain_line, lines)]


def render_diff(told: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what two decision sets say otherwise."""
    names = [f"{each['id']} ({each['policy']} {each['version']})" for each in (told["a"], told["b"])]
    lines = [f"From decision set {names[0]} to {names[1]}, {told['partitions']['compared']} partitions"]
    if told["partitions"]["left"]:
        lines.append(f"Not decided under both: {', '.join(told['partitions']['left'])}")
    return [*_changed_tables(told, f"Data set {told['dataset']}"), *map(plain_line, lines)]


def _changed_tables(told: Mapping[str, Any], title: str) -> list[RenderableType]:
    before, after = told["before"], told["pairs"]
    counts = [
        (name, before.get(name, 0), after.get(name, 0), f"{after.get(name, 0) - before.get(name, 0):+d}")
        for name in ("kept", "dropped", "quarantined")
    ]
    rows = [
        (change.replace("_", " "), reason, told_of["count"], ", ".join(told_of["examples"]))
        for change, changed in told["changes"].items()
        for reason, told_of in changed["reasons"].items()
    ]
    drawn: list[RenderableType] = [table(title, ("pairs", "before", "after", "change"), counts)]
    if not rows:
        return [*drawn, plain_line("No pair is decided otherwise.")]
    return [*drawn, table("What changes", ("pairs", "reason", "count", "such as"), rows)]


def render_export(told: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what was written and where."""
    what = f"{told['files']} files of {told['partitions']} partitions, {told['kept']} kept pairs"
    lines = [f"{what}, under decision set {told['decision_set']}, in {told['seconds']:.1f} s"]
    if told["left"]:
        lines.append(f"Not decided under it, or committed anew meanwhile: {', '.join(told['left'])}")
    return [plain_line(line) for line in [*lines, f"Manifest  {told['manifest']}"]]


def render_calibrate(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say what the data set is calibrated by now, and who goes by it."""
    lines = [
        f"Calibration  {told['calibration']}",
        f"Before       {told['before'] or '–'}",
        f"Made of      {told['pairs']} pairs, {told['nulls']} cross pairs, in {told['seconds']:.1f} s",
        f"Drift        is told against reference window {told['window'] or '–'}",
    ]
    if told["calibration"] == told["before"]:
        return [plain_line(line) for line in [*lines, "", "It is the calibration used already: no decision changes."]]
    lines += [
        "",
        "Nothing is decided by it yet. It is used by",
        f"  pairsift decide {told['dataset']} --policy NAME    all partitions, from stored scores",
        "  the next pairsift run    which then decides all its partitions again",
    ]
    return [plain_line(line) for line in lines]
