import re
from dataclasses import replace
from datetime import date

import pytest

from pairsift.config import DispatchConfig, RunConfig, RunRequest
from pairsift.core.records import Reason
from pairsift.report.escaping import clip, code_block, markdown, visible, xml
from pairsift.report.meanings import MEANINGS
from pairsift.report.summary import PartitionFacts, RunFacts, headline, reason_rows, render_run, run_command

RUN = RunFacts(
    run_id="0aa51b52-1b4e-4f0a-8b4b-a0b4b9a9d6a1",
    dataset="sample",
    request=RunRequest(source="shards/{00000..00002}.tar"),
    policy="default 1",
    pairs={"read": 2000, "kept": 1500, "dropped": 480, "quarantined": 20},
    reasons={"blurry": 80, "likely_mismatched": 400, "image_corrupt": 20},
    partitions=(PartitionFacts("a", "committed", 1, 1200, 1000), PartitionFacts("b", "skipped", 2, 800, 500)),
    out="/data/exports",
    database="sqlite:///pairsift.db",
    seconds=61.25,
)
DAILY = RunRequest(source="shards/{date}/*.tar", day=date(2026, 11, 30))
FAILED = PartitionFacts("c", "failed", 3, error="ContainerDamagedError: c lost 30 of 100 pairs", flow_run_id="6b1f")
HOSTILE = [
    ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
    ("a|b", r"a\|b"),
    ("`code` **bold** _it_ ~~x~~", r"\`code\` \*\*bold\*\* \_it\_ \~\~x\~\~"),
    ("[click](javascript:alert(1))", r"\[click\](javascript:alert(1))"),
    ("![x](http://h/x.png)", "\\!\\[x\\](http:\u2060//h/x.png)"),
    ("https://h www.h a@h", "https:\u2060//h www\u2060.h a\u2060@h"),
    ("# head\n\n- list\r\n| a |", r"\# head  - list  \| a \|"),
    ("&lt; \\<b>", r"\&lt; \\\<b\>"),
    ("safe\u202egpj.exe\u200b\x1b[31m\x00", r"safe\\u\{202e\}gpj.exe\\u\{200b\}\\u\{1b\}\[31m\\u\{0\}"),
]


def table_of(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, cell by cell."""
    block = text.split(heading, 1)[1].split("\n\n")[1]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()[2:]]


@pytest.mark.parametrize(("text", "escaped"), HOSTILE)
def test_hostile_text_is_text_in_markdown(text: str, escaped: str):
    assert markdown(text) == escaped


def test_pairs_measured_before_are_told_where_there_are_some():
    told = "- **Measured before** 1,800 pairs (90.0 %): from the store"

    assert told in render_run(replace(RUN, recalled=1800), "<svg/>")
    assert "Measured before" not in render_run(RUN, "<svg/>")


def test_hostile_text_is_text_in_xml():
    assert xml('<a b="c">&\'\u202e') == r"&lt;a b=&quot;c&quot;&gt;&amp;&#x27;\u{202e}"


def test_every_script_stays_as_it_is():
    assert visible("नमस्ते 你好 שלום é 😀") == "नमस्ते 你好 שלום é 😀"


def test_a_text_is_cut_to_its_length_with_an_ellipsis():
    assert clip("abcdef", 6) == "abcdef"
    assert clip("abcdefg", 6) == "abcde…"


def test_a_fence_is_longer_than_any_in_its_code():
    assert code_block(["pairsift run '```'"]) == "````sh\npairsift run '```'\n````"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_meaning(reason: Reason):
    assert MEANINGS[reason]


def test_the_summary_says_what_ran_and_where_the_results_lie():
    text = render_run(replace(RUN, request=DAILY), "<svg/>")

    assert text.startswith("# sample, 2026-11-30: 1,500 of 2,000 pairs kept (75.0 %)\n")
    assert "**Policy** default 1" in text
    assert "/data/exports/sample/manifest.json" in text
    assert r"**Source** shards/\{date\}/\*.tar" in text


def test_the_counts_have_their_shares():
    assert table_of(render_run(RUN, "<svg/>"), "## Pairs") == [
        ["read", "2,000", "100.0 %"],
        ["kept", "1,500", "75.0 %"],
        ["dropped", "480", "24.0 %"],
        ["quarantined", "20", "1.0 %"],
    ]


def test_the_reasons_stand_by_frequency_with_share_and_meaning():
    rows = table_of(render_run(RUN, "<svg/>"), "## Why pairs were not kept")

    assert rows[0] == ["likely_mismatched", "400", "20.0 %", MEANINGS[Reason.LIKELY_MISMATCHED]]
    assert [row[0] for row in rows] == ["likely_mismatched", "blurry", "image_corrupt"]
    assert [row["pairs"] for row in reason_rows(RUN)] == [400, 80, 20]


def test_drift_has_a_line_and_where_something_moved_a_table():
    moved = {"partition": "a|b", "level": "warn", "told": "image.brightness PSI 0.41, KS 0.35 (0.506 → 0.157)"}
    compared = {"window": 4, "compared": 2, "moved": []}

    still = render_run(replace(RUN, drift=compared), "<svg/>")
    told = render_run(replace(RUN, drift={**compared, "moved": [{**moved, "partition": None}, moved]}), "<svg/>")

    assert "- **Drift** in 0 of 2 partitions, against reference window 4\n" in still
    assert "## Drift" not in still
    assert "- **Drift** in 1 of 2 partitions, against reference window 4\n" in told
    assert [row[:2] for row in table_of(told, "## Drift against reference window 4")] == [
        ["the run as a whole", "warn"],
        [r"a\|b", "warn"],
    ]
    assert "Drift" not in render_run(RUN, "<svg/>")


def test_the_histogram_is_in_the_text_itself():
    assert "](data:image/svg+xml;base64,PHN2Zy8+)" in render_run(RUN, "<svg/>")


def test_a_failed_partition_stands_first_with_its_error_and_a_link_to_its_run():
    text = render_run(replace(RUN, partitions=(*RUN.partitions, FAILED)), "<svg/>")

    assert headline(replace(RUN, partitions=(*RUN.partitions, FAILED))).startswith("1 of 3 partitions failed; 1,500 of")
    assert table_of(text, "## Partitions: 1 committed, 1 skipped, 1 failed") == [
        ["[c](/runs/flow-run/6b1f)", "failed", "3", "–", "–", "ContainerDamagedError: c lost 30 of 100 pairs"],
        ["a", "committed", "1", "1,200", "1,000", ""],
        ["b", "skipped", "2", "800", "500", ""],
    ]


def test_what_to_do_is_said_only_when_something_failed():
    failed = render_run(replace(RUN, partitions=(FAILED,)), "<svg/>")

    assert "What to do" not in render_run(RUN, "<svg/>")
    assert "- **[c](/runs/flow-run/6b1f)** ContainerDamagedError: c lost 30 of 100 pairs\n" in failed
    assert "pairsift run 'shards/{00000..00002}.tar' --dataset sample --rerun-failed\n" in failed
    assert "Retry" not in failed
    assert "prefect" not in failed


def test_what_prefect_can_do_is_said_only_of_what_it_can_start_again():
    deployed = render_run(replace(RUN, partitions=(FAILED,), deployed=True), "<svg/>")
    pool = RunConfig(dispatch=DispatchConfig(work_pool="gpus"))
    dispatched = replace(RUN, request=RunRequest(source="s", config=pool), partitions=(FAILED,), deployed=True)

    assert "**Retry** on the page of this run\n" in deployed
    assert "**Retry** on the page of this run, or on a partition's own page for that one\n" in render_run(
        dispatched, ""
    )
    assert f"prefect flow-run retry {RUN.run_id}\n" in deployed
    assert "prefect deployment run rerun-failed/manual --param dataset=sample\n" in deployed


def test_ten_errors_are_shown_whole_and_the_others_counted():
    many = [PartitionFacts(f"p{number:02}", "failed", error="e" * 300) for number in range(13)]

    text = render_run(replace(RUN, partitions=many), "<svg/>")

    assert text.count("e" * 300) == 10
    assert "- and 3 more, in the table of partitions\n" in text


def test_the_command_asks_for_what_the_run_was_asked_for():
    asked = DAILY.model_copy(update={"out": "it's", "catch_up_days": 7, "config": RunConfig(policy="my.yaml")})

    assert run_command(RUN.dataset, asked) == (
        "pairsift run 'shards/{date}/*.tar' --dataset sample --day 2026-11-30 --catch-up-days 7 --policy my.yaml "
        """--out 'it'"'"'s'"""
    )


def test_the_days_whose_files_are_missing_are_named_and_the_others_counted():
    days = [f"2026-11-{number:02}" for number in range(1, 13)]

    assert "**Files not all there** 2026-11-01, 2026-11-02\n" in render_run(replace(RUN, missing_days=days[:2]), "")
    assert "2026-11-10 and 2 more days\n" in render_run(replace(RUN, missing_days=days), "")


def test_fifty_partitions_are_shown_and_the_others_counted():
    many = [PartitionFacts(f"p{number:02}", "committed") for number in range(58)]

    text = render_run(replace(RUN, partitions=(*many, FAILED)), "<svg/>")

    rows = table_of(text, "## Partitions: 58 committed, 0 skipped, 1 failed")
    assert len(rows) == 50
    assert rows[0][1] == "failed"
    assert "… and 9 more committed." in text


def test_a_hostile_key_and_error_break_no_row():
    evil = PartitionFacts("a|b\n| c |", "failed", error="x | y\n\n# z " + "e" * 1000)

    (row,) = table_of(render_run(replace(RUN, partitions=(evil,)), "<svg/>"), "## Partitions")

    assert row[0] == r"a\|b \| c \|"
    assert row[5].startswith(r"x \| y  \# z e")
    assert len(row[5]) < 90


def test_a_run_that_read_nothing_has_no_shares():
    text = render_run(replace(RUN, pairs=dict.fromkeys(RUN.pairs, 0), reasons={}, partitions=()), "<svg/>")

    assert table_of(text, "## Pairs")[0] == ["read", "0", "–"]
    assert "Why pairs" not in text
