"""What a person sees of what is kept for years: releases, what is to be removed, and proofs of takedowns."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from pairsift.console import facts, plain_line, size, table


def render_release(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say what a release is made of, and whether it is new."""
    what = f"{told['pairs']:,} pairs of {told['partitions']} partitions, {told['files']} files"
    lines = [
        f"Release {told['release']} of {told['dataset']}: {what}",
        f"sha256    {told['sha256']}",
        f"Manifest  {told['manifest']}",
    ]
    if not told["made"]:
        lines.append("It was made before, of just this: nothing is changed.")
    return [plain_line(line) for line in lines]


def render_releases(told: Mapping[str, Any]) -> list[RenderableType]:
    """Draw all releases."""
    columns = ("release", "dataset", "made_at", "partitions", "pairs")
    rows = [[*(row[column] for column in columns), row["sha256"][:12]] for row in told["releases"]]
    if not rows:
        return [plain_line("Nothing is released yet: pairsift release NAME")]
    return [table("Releases", [*(column.replace("_", " ") for column in columns), "sha256"], rows)]


def render_manifest(told: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what a release is made of."""
    content = told["content"]
    parts = content["partitions"]
    counts = [
        (
            each["partition"],
            each["pairs"]["read"],
            each["pairs"]["kept"],
            len(each["files"]),
            each["policy_sha256"][:12],
        )
        for each in parts
    ]
    about = {
        "data set": content["dataset"],
        "made": told["made_at"],
        "sha256": told["sha256"],
        "manifest": told["manifest"],
        "pairs": f"{content['pairs']['rows']:,}, seen {content['pairs']['samples']:,} times",
        **{f"policy {each['name']} {each['version']}": each["sha256"] for each in content["policies"]},
        **{f"calibration {name[:12]}": f"file {sha256}" for name, sha256 in content["calibrations"].items()},
        **{f"model {name}": digest for each in parts for name, digest in each["models"].items()},
    }
    drawn: list[RenderableType] = [
        facts(f"Release {told['release']}", about),
        table("Partitions", ("partition", "read", "kept", "files", "policy"), counts),
    ]
    if told["withdrawn"]:
        rows = [(file["uri"], file["withdrawn_at"], file["replaced_by"]) for file in told["withdrawn"]]
        drawn.append(table("Other files since pairs were withdrawn", ("file", "withdrawn", "in its place"), rows))
    return drawn


def render_verified(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say whether a release's files are what they were."""
    if told["problems"]:
        return [table("Problems", ("what", "where"), [(p["problem"], p["where"]) for p in told["problems"]])]
    lines = [f"Release {told['release']}: {told['files']} files are what they were, sha256 {told['sha256']}"]
    if told["withdrawn"]:
        lines.append(
            f"{told['withdrawn']} of them as they are since pairs were withdrawn: pairsift release show says which"
        )
    return [plain_line(line) for line in lines]


def render_release_diff(told: Mapping[str, Any]) -> list[RenderableType]:
    """Draw which pairs enter and leave, why, and in what else two releases differ."""
    rows = [
        (f"{way} {told['b']}", reason, found["count"], ", ".join(found["examples"]))
        for way, moved in (("enter with", told["entered"]), ("leave with", told["left"]))
        for reason, found in moved["reasons"].items()
    ]
    counts = f"{told['a']} has {told['pairs']['a']:,} pairs, {told['b']} has {told['pairs']['b']:,}"
    drawn: list[RenderableType] = [plain_line(counts)]
    drawn.append(table("Pairs", ("pairs", "in the other: reason", "count", "such as"), rows))
    other = {"partitions": told["partitions"], **told["other"]}
    lines = [
        (what, way.replace("_", " "), ", ".join(names)) for what, ways in other.items() for way, names in ways.items()
    ]
    if any(names for *_, names in lines):
        drawn.append(table("What else differs", ("what", "where", "which"), [line for line in lines if line[2]]))
    return drawn


def render_backup(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say where the copy lies, and what identifies it."""
    lines = [f"Backup  {told['backup']}, {size(told['bytes'])}", f"sha256  {told['sha256']}"]
    return [plain_line(line) for line in lines]


def render_prune(told: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what nothing refers to, and whether it is gone."""
    rows = [
        (name, kind["count"], kind["rows"], size(kind["bytes"]), ", ".join(kind["examples"]))
        for name, kind in told["kinds"].items()
        if kind["count"]
    ]
    lines = [f"Left alone, since they are being worked on: {', '.join(told['spared'])}"] if told["spared"] else []
    lines += told["told"]
    if not rows:
        return [
            plain_line(line)
            for line in ["There is nothing to prune: something refers to all that is old enough to go.", *lines]
        ]
    total = f"{told['rows']:,} rows, {size(told['bytes'])} of files"
    lines.append(f"Removed: {total}" if told["applied"] else f"Nothing was removed; with --apply goes: {total}")
    title = "Removed" if told["applied"] else "Nothing refers to"
    drawn = table(title, ("what", "how many", "pairs' rows", "size", "such as"), rows)
    return [drawn, *(plain_line(line) for line in lines)]


def render_forget(told: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what was looked for where, what was found and removed, and what is still there."""
    left = told["left"] or {"counts": {}}
    rows = [
        (what, told["found"]["searched"].get(_SEARCHED.get(what, ""), "all"), count, left["counts"].get(what))
        for what, count in told["found"]["counts"].items()
    ]
    title = "Taken down" if told["applied"] else "Found: nothing was changed"
    drawn: list[RenderableType] = [table(title, ("what", "searched", "found", "found afterwards"), rows)]
    if told["found"]["pairs"] and not told["applied"]:
        drawn.append(table("Pairs", ("data set/partition/key",), [(name,) for name in told["found"]["pairs"]]))
    lines = [f"Releases that had it: {', '.join(told['found']['releases']) or 'none'}", *told["told"]]
    lines += [f"Not searched: {what}" for what in told["not_searched"]]
    lines += [f"Tombstone {digest}" for digest in told["tombstones"]] if told["applied"] else []
    if told["at_work"]:
        lines.append(f"At work on {', '.join(told['at_work'])}: give the same command again when that has ended")
    lines.append(_ending(told))
    return [*drawn, *(plain_line(line) for line in lines)]


def _ending(told: Mapping[str, Any]) -> str:
    if not told["applied"]:
        return "With --apply it is taken down, and kept out of every later run"
    return "Nothing is left" if told["complete"] else "Not complete: give the same command again"


_SEARCHED = {
    "chunk files": "chunks",
    "calibrations": "calibrations",
    "candidates for calibrations": "candidates",
    "reports": "reports",
    "lists of releases": "releases",
}
