"""What a person sees of a pair, of the policies, and of the state of what is stored and installed."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from pairsift.console import facts, plain, plain_line, shown, table
from pairsift.core.signals import SIGNALS


def render_explain(story: Mapping[str, Any]) -> list[RenderableType]:
    """Draw one pair's whole story: where it came from, what was measured, by what, and why it was decided so."""
    parts: list[RenderableType] = []
    for pair in story["pairs"]:
        parts += [
            verdict_line(pair),
            facts("Origin", pair["origin"]),
            table("Signals", ("signal", "value", "unit or why not"), signal_rows(pair)),
            facts("Decision", pair["decision"]),
            facts("Models and versions", pair["provenance"]),
        ]
    return parts


def verdict_line(pair: Mapping[str, Any]) -> Text:
    """Say in one line what was decided and why."""
    decision = pair["decision"]
    why = f": {decision['reason']}" if decision["reason"] else ""
    line = f"Pair {pair['origin']['key']} of {pair['origin']['dataset']}: {decision['verdict']}{why}"
    return Text(plain(line).plain, style="bold")


def signal_rows(pair: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """List all signals in their order: a value and its unit, the reason why there is none, or that none applies."""
    values, reasons = pair["signals"], pair["unmeasurable"]
    units = {s.name: s.unit if s.name in values else "does not apply" for s in SIGNALS}
    return [(s.name, shown(values.get(s.name)), reasons.get(s.name, units[s.name])) for s in SIGNALS]


def render_policies(result: Mapping[str, Any]) -> list[RenderableType]:
    """Draw the policies that are shipped."""
    rows = [
        (row["name"], row["version"], len(row["rules"]), row["described"]["select"], row["description"])
        for row in result["policies"]
    ]
    return [
        table("Policies", ("name", "version", "rules", "select", "description"), rows),
        plain_line("pairsift policies NAME shows the rules of one"),
    ]


def render_policy(result: Mapping[str, Any]) -> list[RenderableType]:
    """Draw one policy: its rules in order, each with its unit, and its selection."""
    (policy,) = result["policies"]
    shown = zip(policy["described"]["rules"], policy["rules"], strict=True)
    rows = [(number, text, rule["reason"], rule["unmeasurable"]) for number, (text, rule) in enumerate(shown, start=1)]
    about = {name: policy[name] for name in ("description", "cleaner", "sha256")}
    return [
        facts(f"Policy {policy['name']}, version {policy['version']}", about),
        table("A pair is dropped where", ("rule", "holds", "reason", "if unmeasurable"), rows),
        facts("Before the rules", {"decontaminate": policy["described"]["decontaminate"]}),
        facts("Copies among the rest", {"duplicates": policy["described"]["duplicates"]}),
        facts("Kept of the rest", {"select": policy["described"]["select"]}),
    ]


def render_check(result: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what was checked and what is wrong."""
    parts: list[RenderableType] = [table("Checked", ("what", "count"), list(result["checked"].items()))]
    if result["problems"]:
        return [*parts, table("Problems", ("what", "where"), [(p["problem"], p["where"]) for p in result["problems"]])]
    return [*parts, Text("Nothing is lost, doubled or damaged.")]


def render_reap(reaped: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what was found dead, and how it is started again."""
    attempts = [(a["dataset"], a["partition"], a["number"], a["host"], a["pid"]) for a in reaped["attempts"]]
    runs = [(run["name"], run["reason"]) for run in reaped["runs"]]
    if not attempts and not runs:
        return [plain_line("Nothing has died without a word.")]
    return [
        table("Attempts marked lost", ("data set", "partition", "attempt", "host", "process"), attempts),
        table("Runs marked crashed on the Prefect server", ("run", "why"), runs),
        plain_line("To do them again: the deployment rerun-failed, or the same run with --rerun-failed"),
    ]


def render_doctor(result: Mapping[str, Any]) -> list[RenderableType]:
    """Draw the state of everything a run needs."""
    return [
        table("Doctor", ("what", "state", "detail"), [(c["what"], c["state"], c["detail"]) for c in result["checks"]])
    ]


def render_report(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say where the page is."""
    pairs = told["pairs"]
    lines = [f"{pairs['kept']:,} of {pairs['read']:,} pairs kept", f"Report    {told['report']}"]
    return [plain_line(line) for line in lines]


def render_review(result: Mapping[str, Any]) -> list[RenderableType]:
    """Say where to look."""
    does = "labels and new policy versions are stored" if result["write"] else "nothing is changed (--write allows it)"
    return [plain_line(f"{result['dataset']}: open {result['address']} in a browser; {does}; Ctrl-C ends it")]


def render_upgrade(result: Mapping[str, Any]) -> list[RenderableType]:
    """Say that the database is up to date."""
    return [plain_line(f"up to date: {result['database']}")]
