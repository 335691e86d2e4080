"""What a person sees in a terminal: tables of runs, partitions and pairs; captions are text, never markup."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from pairsift.core.signals import SIGNALS
from pairsift.report.drifting import WHOLE_RUN, tell_drift

WHOLE_CHARACTERS = 28
"""Columns of no longer values are never folded."""

DRIFT_COLUMNS = ("partition", "level", "what moved (before → now)")

Render = Callable[[Mapping[str, Any]], Sequence[RenderableType]]


def show(value: Mapping[str, Any], as_json: bool, render: Render) -> None:
    """Print `value` as one JSON object, or as `render` draws it."""
    if as_json:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
        return
    console = Console()
    for part in render(value):
        console.print(part, highlight=False, soft_wrap=isinstance(part, Text))  # a line is never broken


def plain(value: object) -> Text:
    """Show a value with control characters escaped, so that a caption cannot move the cursor or pose as markup."""
    return Text("".join(character if character.isprintable() else escape(character) for character in shown(value)))


def shown(value: object) -> str:
    """Write a value for people: nothing as a dash, numbers to six digits, times to the second."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)


def escape(character: str) -> str:
    """Show an unprintable character by its code point."""
    return f"\\u{{{ord(character):x}}}"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Draw rows under a title: short columns whole, long ones folded, numbers to the right."""
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float | None) for row in rows)
        short = all(len(shown(row[index])) <= WHOLE_CHARACTERS for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=short)
    for row in rows:
        drawn.add_row(*(plain(value) for value in row))
    return drawn


def facts(title: str, values: Mapping[str, object]) -> Padding:
    """Draw names and values under a title."""
    drawn = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in values.items():
        drawn.add_row(plain(name), plain(value))
    return Padding(drawn, (0, 0, 1, 0))


def render_run(summary: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what a run read, kept, dropped and quarantined, where it lies and what to look at next."""
    pairs, partitions = summary["pairs"], summary["partitions"]
    counts = [("read", pairs["read"]), ("kept", pairs["kept"])]
    counts += [("dropped", pairs["dropped"]), ("quarantined", pairs["quarantined"])]
    reasons = sorted(summary["reasons"].items(), key=lambda item: (-item[1], item[0]))
    parts: list[RenderableType] = [
        table(
            f"Data set {summary['dataset']}",
            ("pairs", "count", "share"),
            [(*c, share(c[1], pairs["read"])) for c in counts],
        ),
        table("Why pairs were not kept", ("reason", "count"), reasons),
        table("Partitions", ("state", "count"), [(state, count) for state, count in partitions.items()]),
    ]
    drift = [(each["partition"] or WHOLE_RUN, each["level"], each["told"]) for each in summary["drift"]["moved"]]
    if drift:
        title = f"Drift against reference window {summary['drift']['window']}"
        parts.append(table(title, DRIFT_COLUMNS, drift))
    if summary["missing_days"]:
        parts.append(table("Files not all there", ("day",), [(day,) for day in summary["missing_days"]]))
    if summary["failed"]:
        parts.append(table("Failed", ("partition", "error"), [(f["partition"], f["error"]) for f in summary["failed"]]))
    return [*parts, *next_steps(summary)]


def share(count: int, total: int) -> str:
    """Write a share in per cent."""
    return f"{100 * count / total:.1f} %" if total else "–"


def next_steps(summary: Mapping[str, Any]) -> list[Text]:
    """Say where the results lie and what to do next."""
    dataset = summary["dataset"]
    lines = [
        f"Source    {summary['source']}",
        f"Results   {summary['out']}/{dataset}/manifest.json",
        *([f"Report    {summary['report']}"] if summary["report"] else []),
        f"Database  {summary['database']}",
        f"Took      {summary['seconds']:.1f} s",
        "",
        "Look next at",
    ]
    if summary.get("recalled"):
        lines.insert(0, f"Recalled  {summary['recalled']} pairs, measured before: taken from the store")
    if summary.get("example"):
        lines.append(f"  pairsift explain {summary['example']}    the whole story of one dropped pair")
    lines.append(f"  pairsift status --dataset {dataset}    its partitions")
    if summary["failed"]:
        lines.append("  the same command with --rerun-failed    just what failed")
    return [plain_line(line) for line in lines]


def plain_line(line: str) -> Text:
    """A line that is never wrapped or styled, so that paths can be copied."""
    return Text(plain(line).plain, no_wrap=True, overflow="ignore")


def render_status(status: Mapping[str, Any]) -> list[RenderableType]:
    """Draw every partition with its state and counts, a table a data set, and below it what degraded or drifted."""
    counts = ("pairs_read", "pairs_kept", "pairs_dropped", "pairs_quarantined")
    columns = ("partition", "status", "attempt", *counts, "error")
    titles = [column.removeprefix("pairs_") for column in columns]
    parts: list[RenderableType] = []
    for dataset, grouped in groupby(status["partitions"], key=lambda row: row["dataset"]):
        rows = list(grouped)
        parts.append(table(f"Data set {dataset}", titles, [[row[column] for column in columns] for row in rows]))
        damaged = [(row["partition"], len(row["damage"]), row["damage"][0]) for row in rows if row["damage"]]
        if damaged:
            parts.append(table(f"Degraded in {dataset}", ("partition", "damaged parts", "the first"), damaged))
        drifted = [(row["partition"], row["drift"]) for row in rows if row["drift"] and row["drift"]["moved"]]
        if drifted:
            shown = [(partition, drift["level"], tell_drift(drift)) for partition, drift in drifted]
            parts.append(table(f"Drift in {dataset}", DRIFT_COLUMNS, shown))
    if not parts:
        return [plain_line("Nothing has been curated yet: pairsift run SOURCE")]
    return [*parts, *map(plain_line, stored_lines(status["store"]))]


def stored_lines(store: Mapping[str, Any]) -> list[str]:
    """Say how much is stored, and how much more is to be expected."""
    kinds = [f"{name} {size(store[f'{name}_bytes'])}" for name in ("database", "chunks", "exports")]
    lines = [f"Stored    {store['pairs']:,} pairs, {store['rows']:,} with superseded ones: {', '.join(kinds)}"]
    if store["bytes_to_come"] is not None and store["partitions_to_come"]:
        per_pair = f"{size(store['bytes_per_pair'])} a pair so far"
        to_come = f"some {store['pairs_to_come']:,} pairs of {store['partitions_to_come']:,} partitions"
        lines.append(
            f"To come   about {size(store['bytes_to_come'])}: {per_pair}, {to_come}, if they are as the others"
        )
    return lines


def size(count: float) -> str:
    """Write a number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


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


def render_report(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say where the page is."""
    pairs = told["pairs"]
    lines = [f"{pairs['kept']:,} of {pairs['read']:,} pairs kept", f"Report    {told['report']}"]
    return [plain_line(line) for line in lines]


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


def tell_forgotten(count: int) -> list[RenderableType]:
    """Say how many pairs of a source were left out because they were taken down, if any."""
    return [plain_line(f"Pairs taken down by pairsift forget, and left out: {count}")] if count else []


def render_target(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say what a name stands for now, and who goes by it."""
    lines = [
        f"Target set   {told['target']}",
        f"Before       {told['before'] or '–'}",
        f"Made of      {told['pictures']} different pictures of {told['read']} read, {told['unreadable']} unreadable",
        f"Encoder      {told['encoder']}, {told['seconds']:.1f} s",
    ]
    if told["target"] == told["before"]:
        lines += ["", "It is the one that the name stood for: nothing changes."]
    else:
        lines += ["", f"Policies with target: {{name: {told['name']}}} go by it, from the next run or decide on."]
    return [*map(plain_line, lines), *tell_forgotten(told["forgotten"])]


def render_evaluation_set(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say what a name stands for now, and who goes by it."""
    lines = [
        f"Evaluation set   {told['evaluation_set']}",
        f"Before           {told['before'] or '–'}",
        f"Made of          {told['pictures']} different pictures, {told['unreadable']} of them unreadable",
        f"                 {told['captions']} different captions; {told['read']} pairs read",
        f"Encoder          {told['encoder']}, {told['seconds']:.1f} s",
    ]
    if told["evaluation_set"] == told["before"]:
        lines += ["", "It is the one that the name stood for: nothing changes."]
    else:
        who = f"Policies that name {told['name']} in decontaminate.against"
        lines += ["", f"{who} go by it, from the next run or decide on."]
    return [*map(plain_line, lines), *tell_forgotten(told["forgotten"])]


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


def render_doctor(result: Mapping[str, Any]) -> list[RenderableType]:
    """Draw the state of everything a run needs."""
    return [
        table("Doctor", ("what", "state", "detail"), [(c["what"], c["state"], c["detail"]) for c in result["checks"]])
    ]


def render_quantise(outcome: Mapping[str, Any]) -> list[RenderableType]:
    """Draw how far scores shift in int8, and whether it was switched on."""
    done = f"switched on: score.dtype: int8 now takes the towers in {outcome['folder']}"
    refused = "not switched on, nothing was written"
    overlap = f"{outcome['facts']['top_overlap']:.3f} of the best 30 % stay, {outcome['least_overlap']:g} are asked for"
    return [
        facts(f"{outcome['encoder']} in int8 against float32", outcome["facts"]),
        plain_line(f"{overlap}: {done if outcome['switched_on'] else refused}"),
        *tell_forgotten(outcome["forgotten"]),
    ]


@contextmanager
def counting(what: str, total: int | None, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error while the block runs; it is given what tells the bar how much more is done."""
    with Progress(console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def render_review(result: Mapping[str, Any]) -> list[RenderableType]:
    """Say where to look."""
    does = "labels and new policy versions are stored" if result["write"] else "nothing is changed (--write allows it)"
    return [plain_line(f"{result['dataset']}: open {result['address']} in a browser; {does}; Ctrl-C ends it")]


def render_upgrade(result: Mapping[str, Any]) -> list[RenderableType]:
    """Say that the database is up to date."""
    return [plain_line(f"up to date: {result['database']}")]
