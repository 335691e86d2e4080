import pytest

from benchmarks.peers.figures import Limit, Repeat, Usage, median_ratio, summarise
from benchmarks.peers.table import COLUMNS, markdown


def repeat(cpu_once: float, cpu_twice: float, wall_twice: float = 30.0) -> Repeat:
    """100 pairs in 20 s of wall time, 200 in `wall_twice`."""
    return Repeat(100, Usage(20.0, cpu_once, 900.0), Usage(wall_twice, cpu_twice, 1000.0))


REFERENCE = [repeat(15, 20), repeat(15, 25), repeat(15, 20)]


def test_what_a_pair_costs_is_what_the_second_half_costs():
    one = repeat(cpu_once=25, cpu_twice=45)

    assert one.cpu_s_per_pair == 0.2
    assert one.wall_s_per_pair == 0.1
    assert one.start_cpu_s == 5


def test_a_summary_has_medians_and_the_range():
    summary = summarise([repeat(25, 45), repeat(25, 35), repeat(25, 95)], REFERENCE)

    assert summary.cpu_ms_per_pair == 200
    assert (summary.cpu_ms_lowest, summary.cpu_ms_highest) == (100, 700)
    assert summary.pairs_per_s == pytest.approx(10)
    assert summary.whole_pairs_per_s == pytest.approx(200 / 30)
    assert summary.whole_cpu_ms_per_pair == 225
    assert summary.peak_mib == 1000


def test_a_ratio_is_the_median_of_ratios_within_a_repeat_not_the_ratio_of_medians():
    summary = summarise([repeat(25, 45), repeat(25, 35), repeat(25, 95)], REFERENCE)

    assert summary.cpu_ratio == pytest.approx(4)  # of 4, 1 and 14; the medians are 200 ms and 50 ms
    assert summary.wall_ratio == 1


def test_noise_larger_than_the_time_measured_gives_no_rate():
    summary = summarise([repeat(25, 45, wall_twice=19.0)], REFERENCE)

    assert summary.pairs_per_s is None
    assert summary.wall_ratio is None


def test_a_system_without_a_reference_has_no_ratio():
    assert median_ratio([]) is None


def test_a_system_that_failed_once_is_compared_by_the_repeats_it_has():
    assert summarise([repeat(25, 45)], REFERENCE).cpu_ratio == pytest.approx(4)


def test_every_row_of_the_table_has_every_column_and_a_skipped_system_says_why():
    rows = markdown(
        {
            "measured": summarise(REFERENCE, REFERENCE),
            "alone": Limit(pairs_per_s=20.5, cpu_ms_per_pair=97.5),
            "absent": "not installed: no a|b",
        }
    ).splitlines()

    assert {row.replace("\\|", "").count("|") for row in rows} == {len(COLUMNS) + 1}
    assert rows[3].startswith("| alone | 20.5 | 97.5 |")
    assert rows[4].startswith("| absent | not installed: no a\\|b |")
