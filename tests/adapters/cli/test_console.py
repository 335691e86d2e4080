import io
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console, RenderableType

from pairsift.console import facts, plain, show, table
from pairsift.console.looking import render_explain, signal_rows
from pairsift.console.running import render_run, render_status
from pairsift.console.sets import render_evaluation_set


def drawn(parts: Sequence[RenderableType], width: int = 200) -> str:
    """Draw for a terminal that obeys escape sequences."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    for part in parts:
        console.print(part, highlight=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


HOSTILE = [
    ("\x1b[2Ja cat", r"\u{1b}[2Ja cat"),
    ("a\rcat", r"a\u{d}cat"),
    ("a\x07cat", r"a\u{7}cat"),
    ("\u202eevil", r"\u{202e}evil"),
    ("\u2066isolated\u2069", r"\u{2066}isolated\u{2069}"),
    ("zero\u200bwidth", r"zero\u{200b}width"),
    ("c1\x9b31mred", r"c1\u{9b}31mred"),
    ("two\nlines", r"two\u{a}lines"),
    ("[bold red]markup[/]", "[bold red]markup[/]"),
    ("[link=https://example.org]click[/link]", "[link=https://example.org]click[/link]"),
    (":smiley: [0] [/]", ":smiley: [0] [/]"),
    ("ein Häuschen, 猫, кот, 😀", "ein Häuschen, 猫, кот, 😀"),
]


@pytest.mark.parametrize(("caption", "shown"), HOSTILE)
def test_a_caption_is_shown_as_text_with_its_unprintable_characters_escaped(caption: str, shown: str):
    assert plain(caption).plain == shown


@pytest.mark.parametrize(("caption", "shown"), HOSTILE)
def test_tables_and_facts_show_it_so(caption: str, shown: str):
    assert shown in drawn([table("Pairs", ("caption",), [(caption,)])])
    assert shown in drawn([facts("Origin", {"caption": caption})])


def hostile_story(text: str) -> dict[str, Any]:
    """The story of a pair whose every word from outside is `text`."""
    return {
        "origin": {"key": text, "dataset": "cats", "partition": text, "source_uri": text, "caption": text},
        "signals": {},
        "unmeasurable": {},
        "decision": {"verdict": "keep", "reason": None, "policy": text, "rule": text},
        "provenance": {"host": text},
    }


def test_explain_lets_no_control_character_of_a_pair_through():
    assert "\x1b" not in drawn(render_explain({"pairs": [hostile_story("\x1b]0;title\x07")]}))


def test_explain_tells_a_signal_that_does_not_apply_from_one_that_cannot_be_measured():
    story = {"signals": {"image.width": 640}, "unmeasurable": {"pair.alignment": "caption_empty"}}

    rows = {row[0]: row[1:] for row in signal_rows(story)}

    assert rows["image.width"] == ("640", "px")
    assert rows["pair.alignment"][1] == "caption_empty"
    assert rows["baseline.pair_quality"][1] == "does not apply"


def run_summary(**values: object) -> dict[str, object]:
    """The summary of a run that read nothing."""
    return {
        "dataset": "cats",
        "source": "webdataset: 3 WebDataset shard(s) under /cats",
        "missing_days": [],
        "partitions": {"committed": 0, "skipped": 0, "failed": 1},
        "pairs": {"read": 0, "kept": 0, "dropped": 0, "quarantined": 0},
        "recalled": 0,
        "reasons": {},
        "drift": {"window": 1, "compared": 0, "moved": []},
        "failed": [],
        "seconds": 1.0,
        "out": "/out",
        "report": None,
        "database": "sqlite:////db",
        "example": None,
        **values,
    }


def test_a_long_path_is_on_one_line_to_be_copied(capsys: pytest.CaptureFixture[str]):
    path = "/a/long/way" * 20

    show(run_summary(report=path), as_json=False, render=render_run)

    assert f"Report    {path}\n" in capsys.readouterr().out


def test_run_names_the_days_whose_files_are_not_all_there():
    assert "2026-11-25" in drawn(render_run(run_summary(missing_days=["2026-11-24", "2026-11-25"])))


def test_run_says_what_was_read_and_why():
    assert "Source    webdataset: 3 WebDataset shard(s) under /cats" in drawn(render_run(run_summary()))


def test_run_says_how_many_pairs_were_measured_before_where_there_are_some():
    assert "Recalled  9 pairs, measured before" in drawn(render_run(run_summary(recalled=9)))
    assert "Recalled" not in drawn(render_run(run_summary(recalled=0)))


STORE = {
    "pairs": 1_000_000,
    "rows": 2_000_000,
    "database_bytes": 2_000_000_000,
    "chunks_bytes": 900_000_000,
    "exports_bytes": 100_000_000,
    "bytes_per_pair": 1500.0,
    "partitions_to_come": 7,
    "pairs_to_come": 70_000,
    "bytes_to_come": 105_000_000,
}


def test_status_tells_what_is_stored_and_what_is_to_come():
    row = dict.fromkeys(("status", "attempt", "pairs_read", "pairs_kept", "pairs_dropped", "pairs_quarantined"))
    rows = [{"dataset": "cats", "partition": "a", "error": None, "damage": None, "drift": None, **row}]

    shown = drawn(render_status({"partitions": rows, "store": STORE}))
    done = drawn(render_status({"partitions": rows, "store": {**STORE, "partitions_to_come": 0}}))

    assert (
        "1,000,000 pairs, 2,000,000 with superseded ones: database 2.0 GB, chunks 900.0 MB, exports 100.0 MB" in shown
    )
    assert "To come   about 105.0 MB: 1.5 kB a pair so far, some 70,000 pairs of 7 partitions" in shown
    assert "To come" not in done


LANGUAGE = {"name": "text.language", "before": "en", "now": "fr", "psi": 1.2, "ks": 0.6, "points": None}


def test_status_names_what_drifted_below_the_partitions_of_its_data_set():
    drifted = {"level": "fail", "moved": ["text.language"], "findings": [LANGUAGE]}
    still = {"level": "none", "moved": [], "findings": [LANGUAGE]}
    fields = ("status", "attempt", "pairs_read", "pairs_kept", "pairs_dropped", "pairs_quarantined", "error", "damage")
    rows = [
        {"dataset": "cats", "partition": partition, "drift": drift, **dict.fromkeys(fields)}
        for partition, drift in (("a", drifted), ("b", still), ("c", None))
    ]

    shown = drawn(render_status({"partitions": rows, "store": STORE})).partition("Drift in cats")[2]

    assert [line.strip().split(maxsplit=2) for line in shown.splitlines() if "PSI" in line] == [
        ["a", "fail", "text.language PSI 1.20, KS 0.60 (en → fr)"]
    ]
    assert "Drift" not in drawn(render_status({"partitions": rows[1:], "store": STORE}))


def test_status_names_the_partitions_of_which_a_part_could_not_be_read():
    fields = ("status", "attempt", "pairs_read", "pairs_kept", "pairs_dropped", "pairs_quarantined", "error", "drift")
    damage = {"a": ["half of it (byte 7; pairs lost: 3)", "more"], "b": [], "c": None}
    rows = [
        {"dataset": "cats", "partition": partition, "damage": damaged, **dict.fromkeys(fields)}
        for partition, damaged in damage.items()
    ]

    shown = drawn(render_status({"partitions": rows, "store": STORE})).partition("Degraded in cats")[2]

    assert [line.strip().split(maxsplit=2) for line in shown.splitlines() if "lost" in line] == [
        ["a", "2", "half of it (byte 7; pairs lost: 3)"]
    ]
    assert "Degraded" not in drawn(render_status({"partitions": rows[1:], "store": STORE}))


def test_run_names_what_drifted_and_nothing_where_nothing_did():
    moved = [{"partition": None, "level": "warn", "told": "keep_rate -12.0 points (64.1 % → 52.1 %)"}]

    shown = drawn(render_run(run_summary(drift={"window": 3, "compared": 2, "moved": moved})))

    assert "Drift against reference window 3" in shown
    assert "the run as a whole" in shown
    assert "keep_rate -12.0 points" in shown
    assert "Drift" not in drawn(render_run(run_summary()))


def test_status_and_run_let_no_control_character_of_an_error_or_a_key_through():
    text = "\x1b]0;title\x07"
    counts = dict.fromkeys(("pairs_read", "pairs_kept", "pairs_dropped", "pairs_quarantined"), 0)
    drift = {"level": "warn", "moved": ["text.language"], "findings": [{**LANGUAGE, "now": text}]}
    row = {
        "dataset": "cats",
        "partition": text,
        "status": "failed",
        "attempt": 1,
        "error": text,
        "damage": [text],
        **counts,
    }
    summary = run_summary(
        failed=[{"partition": text, "error": text}],
        example=text,
        drift={"window": 1, "compared": 1, "moved": [{"partition": text, "level": "warn", "told": text}]},
    )

    shown = drawn(render_status({"partitions": [row | {"drift": drift}], "store": STORE})) + drawn(render_run(summary))

    assert "\x1b" not in shown
    assert r"\u{1b}]0;title\u{7}" in shown


EVALUATION_SET = {
    "evaluation_set": "cats@1",
    "name": "cats",
    "before": None,
    "pictures": 3,
    "captions": 4,
    "unreadable": 1,
    "read": 5,
    "forgotten": 2,
    "encoder": "conse",
    "seconds": 2.04,
}
STANDS_FOR = """\
Evaluation set   cats@1
Before           –
Made of          3 different pictures, 1 of them unreadable
                 4 different captions; 5 pairs read
Encoder          conse, 2.0 s

Policies that name cats in decontaminate.against go by it, from the next run or decide on.
Pairs taken down by pairsift forget, and left out: 2"""


def test_a_named_set_is_told_with_what_it_is_made_of_and_who_goes_by_it():
    assert "\n".join(map(str, render_evaluation_set(EVALUATION_SET))) == STANDS_FOR


def test_a_name_that_stands_for_the_same_set_still_changes_nothing():
    *_, last = render_evaluation_set({**EVALUATION_SET, "before": "cats@1", "forgotten": 0})

    assert str(last) == "It is the one that the name stood for: nothing changes."
