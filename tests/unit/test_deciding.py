from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from pairsift.core.calibration import Calibrated, Calibration, EmbeddedPairs, calibrate, draw_calibration
from pairsift.core.columns import to_columns
from pairsift.core.deciding import Decision, calibratable, to_decisions
from pairsift.core.deciding import decide as decide_calibrated
from pairsift.core.explaining import explain_rule
from pairsift.core.judging import PairTable, judge_alone
from pairsift.core.policy import Policy
from pairsift.core.records import Reason, SignalValue, Verdict
from pairsift.errors import ConfigError

TINY = {"signal": "image.width", "lt": 64, "reason": "image_too_small"}
FDR = {"method": "fdr", "alpha": 0.1}
UNMEASURED = (Verdict.QUARANTINE, Reason.SIGNAL_UNMEASURABLE)


@dataclass(frozen=True)
class Pairs:
    """Pairs with all that is measured of them."""

    uids: Sequence[str]
    image_sha256: Sequence[str | None]
    captions: Sequence[str | None]
    signals: Mapping[str, Sequence[SignalValue]]
    unmeasurable: Sequence[Mapping[str, Reason]]
    image_embedding: npt.NDArray[np.float32]
    text_embedding: npt.NDArray[np.float32]

    @property
    def table(self) -> PairTable:
        return PairTable(self.uids, to_columns(len(self.uids), self.signals, self.unmeasurable))

    @property
    def embedded(self) -> EmbeddedPairs:
        return EmbeddedPairs(self.uids, self.captions, self.image_sha256, self.image_embedding, self.text_embedding)


@dataclass(frozen=True)
class Decided:
    decisions: list[Decision]
    calibration: Calibration | None


def decide(pairs: Pairs, chosen: Policy) -> Decided:
    """Calibrate pairs on their own survivors and decide them."""
    table, embedded = pairs.table, pairs.embedded
    survivors, eligible = judge_alone(table, chosen).kept, calibratable(table.columns, embedded)
    calibration = draw_calibration(embedded, survivors[eligible[survivors]], "score")
    calibrated = calibrate(calibration, embedded, eligible)
    return Decided(list(decide_calibrated(table, chosen, calibrated)), calibration)


def policy(**content: object) -> Policy:
    return Policy.model_validate({"name": "mine", "version": 1, "description": "", "select": FDR} | content)


def matching_pairs(n: int, seed: int = 0) -> Pairs:
    """Pairs that match well, with uids in another order than theirs."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 32))
    image, text = (
        (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        for rows in common + 0.5 * rng.standard_normal((2, n, 32))
    )
    return Pairs(
        uids=[f"{number:032x}" for number in rng.permutation(n).tolist()],
        image_sha256=[f"picture {number}" for number in range(n)],
        captions=[f"caption {number}" for number in range(n)],
        signals={"image.width": [640] * n, "pair.alignment": (image * text).sum(axis=1).tolist()},
        unmeasurable=[{}] * n,
        image_embedding=image,
        text_embedding=text,
    )


def with_signal(table: Pairs, pair: int, signal: str, value: SignalValue) -> Pairs:
    column = [*table.signals[signal][:pair], value, *table.signals[signal][pair + 1 :]]
    return replace(table, signals={**table.signals, signal: column})


def with_outcome(table: Pairs, pair: int, signal: str, reason: Reason) -> Pairs:
    unmeasurable = [*table.unmeasurable[:pair], {signal: reason}, *table.unmeasurable[pair + 1 :]]
    return replace(table, unmeasurable=unmeasurable)


def take(table: Pairs, *pairs: int) -> Pairs:
    """The pairs in another order, some perhaps twice."""
    return Pairs(
        uids=[table.uids[pair] for pair in pairs],
        image_sha256=[table.image_sha256[pair] for pair in pairs],
        captions=[table.captions[pair] for pair in pairs],
        signals={name: [column[pair] for pair in pairs] for name, column in table.signals.items()},
        unmeasurable=[table.unmeasurable[pair] for pair in pairs],
        image_embedding=table.image_embedding[list(pairs)],
        text_embedding=table.text_embedding[list(pairs)],
    )


def judged(decision: Decision) -> tuple[Verdict, Reason | None]:
    return decision.verdict, decision.reason


def test_keeps_pairs_that_match():
    decided = decide(matching_pairs(40), policy())

    assert Counter(map(judged, decided.decisions)) == {(Verdict.KEEP, None): 40}
    assert sorted(decision.rank or 0 for decision in decided.decisions) == list(range(1, 41))


def test_drops_swapped_captions_as_likely_mismatched():
    table = matching_pairs(40)
    swapped = [*range(1, 10), 0, *range(10, 40)]
    table = replace(table, captions=[table.captions[i] for i in swapped], text_embedding=table.text_embedding[swapped])

    decisions = decide(table, policy(select={"method": "fdr", "alpha": 0.05})).decisions

    assert Counter(map(judged, decisions[:10])) == {(Verdict.DROP, Reason.LIKELY_MISMATCHED): 10}
    assert Counter(map(judged, decisions[10:])) == {(Verdict.KEEP, None): 30}
    assert all(decision.alignment_q is not None and decision.alignment_q > 0.05 for decision in decisions[:10])


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"image.width": Reason.IMAGE_CORRUPT}, Reason.IMAGE_CORRUPT),
        ({"text.words": Reason.CAPTION_EMPTY}, Reason.CAPTION_EMPTY),
        ({"text.words": Reason.CAPTION_MISSING, "image.width": Reason.IMAGE_MISSING}, Reason.IMAGE_MISSING),
    ],
)
def test_quarantines_what_cannot_be_read_before_any_rule(found: dict[str, Reason], told: Reason):
    table = matching_pairs(20)
    table = replace(table, unmeasurable=[found, *table.unmeasurable[1:]])
    careless = policy(rules=[TINY | {"unmeasurable": "keep"}], select=FDR | {"unmeasurable": "keep"})

    decision = decide(with_signal(table, 0, "image.width", None), careless).decisions[0]

    assert judged(decision) == (Verdict.QUARANTINE, told)


def test_rules_come_before_copies_and_copies_before_the_selection():
    table = with_signal(matching_pairs(20), 3, "image.width", 63)

    decisions = decide(take(table, *range(20), 3, 4), policy(rules=[TINY])).decisions

    assert judged(decisions[3]) == judged(decisions[20]) == (Verdict.DROP, Reason.IMAGE_TOO_SMALL)
    assert judged(decisions[4]) == (Verdict.KEEP, None)
    assert judged(decisions[21]) == (Verdict.DROP, Reason.EXACT_DUPLICATE)
    assert decisions[21].alignment_z == decisions[4].alignment_z
    assert (decisions[21].alignment_q, decisions[21].rank) == (None, None)


def test_a_copy_that_cannot_be_read_keeps_its_own_reason():
    table = take(matching_pairs(20), *range(20), 4)

    decisions = decide(with_outcome(table, 4, "image.width", Reason.IMAGE_CORRUPT), policy()).decisions

    assert judged(decisions[4]) == (Verdict.QUARANTINE, Reason.IMAGE_CORRUPT)
    assert judged(decisions[20]) == (Verdict.KEEP, None)


def test_keeps_copies_where_the_policy_says_so():
    table = take(matching_pairs(20), *range(20), 4)

    decisions = decide(table, policy(duplicates="keep")).decisions

    assert judged(decisions[4]) == judged(decisions[20]) == (Verdict.KEEP, None)
    assert decisions[4].rank == decisions[20].rank


NAMED = [f"shard/{place}" for place in range(22)]


def by_copies(pairs: Pairs, **duplicates: object) -> list[Decision]:
    """Decide pairs with all that copies are found by."""
    table = replace(pairs.table, names=NAMED, pictures=pairs.image_sha256, embeddings=pairs.image_embedding)
    nothing = np.full(len(NAMED), np.nan)
    kept = {"method": "absolute", "signal": "pair.alignment", "ge": -1, "unmeasurable": "keep"}
    return list(decide_calibrated(table, policy(select=kept, duplicates=duplicates), Calibrated(nothing, nothing)))


def test_a_copy_names_its_keeper_and_both_their_group():
    decisions = by_copies(take(matching_pairs(20), *range(20), 4, 4))

    assert [decision.duplicate_of for decision in decisions[19:]] == [None, "shard/4", "shard/4"]
    assert {decisions[place].duplicate_group for place in (4, 20, 21)} == {matching_pairs(20).uids[4]}
    assert (decisions[4].verdict, decisions[4].duplicate_of, decisions[5].duplicate_group) == ("keep", None, None)


def test_finds_near_semantic_copies_and_placeholders_by_what_the_table_has():
    pairs = replace(take(matching_pairs(20), *range(20), 4, 5), uids=[f"{place:032x}" for place in range(22)])
    hashes = [f"{place * 0x0101010101010101:016x}" for place in range(22)]
    hashed = replace(pairs, signals={**pairs.signals, "image.phash": [*hashes[:20], hashes[4], None]})

    near = by_copies(hashed, near={"hamming": 0})
    semantic = by_copies(hashed, semantic={"cosine": 0.9999})
    placeholders = by_copies(pairs, placeholders={"captions": 2})

    assert (near[20].reason, near[20].duplicate_of, near[21].reason) == (Reason.NEAR_DUPLICATE, "shard/4", None)
    assert [decision.reason for decision in semantic[20:]] == [Reason.SEMANTIC_DUPLICATE] * 2
    assert [decision.reason for decision in placeholders].count(Reason.PLACEHOLDER) == 4
    assert (placeholders[20].duplicate_of, placeholders[20].duplicate_group) == (None, pairs.uids[4])


@pytest.mark.parametrize(
    ("duplicates", "lacking"),
    [({"semantic": {"cosine": 0.9}}, "embeddings"), ({"placeholders": {"captions": 9}}, "pictures")],
)
def test_refuses_to_find_copies_by_what_was_not_given(duplicates: dict[str, object], lacking: str):
    with pytest.raises(ConfigError, match=f"compares {lacking}, which were not given"):
        judge_alone(matching_pairs(20).table, policy(duplicates=duplicates))


@pytest.mark.parametrize(
    ("unmeasurable", "expected"),
    [
        ("quarantine", (Verdict.QUARANTINE, Reason.LANGUAGE_UNSUPPORTED)),
        ("drop", (Verdict.DROP, Reason.LANGUAGE_UNSUPPORTED)),
        ("keep", (Verdict.KEEP, None)),
    ],
)
def test_a_language_the_encoder_does_not_know_is_unmeasured_and_not_low(
    unmeasurable: str, expected: tuple[Verdict, Reason | None]
):
    table = with_outcome(matching_pairs(20), 3, "pair.alignment", Reason.LANGUAGE_UNSUPPORTED)
    table = with_signal(table, 3, "pair.alignment", None)

    decided = decide(table, policy(select=FDR | {"unmeasurable": unmeasurable}))

    assert judged(decided.decisions[3]) == expected
    assert decided.decisions[3].alignment_z is None
    assert decided.calibration is not None
    assert len(decided.calibration.reference.pairs) == 19


@pytest.mark.parametrize("side", ["image_embedding", "text_embedding"])
def test_a_pair_without_an_embedding_has_no_z(side: str):
    table = matching_pairs(20)
    getattr(table, side)[3] = np.nan

    decisions = decide(table, policy()).decisions

    assert judged(decisions[3]) == UNMEASURED
    assert [number for number, decision in enumerate(decisions) if decision.alignment_z is None] == [3]


def test_too_few_pairs_are_quarantined_and_never_guessed():
    decided = decide(matching_pairs(9), policy(select=FDR | {"unmeasurable": "keep"}))

    assert decided.calibration is None
    assert decided.decisions == [Decision(*UNMEASURED)] * 9


def test_a_selection_by_a_signal_needs_no_calibration():
    top = {"method": "top_fraction", "signal": "pair.alignment", "fraction": 0.5}

    decisions = decide(matching_pairs(4), policy(select=top)).decisions

    assert Counter(map(judged, decisions)) == {(Verdict.KEEP, None): 2, (Verdict.DROP, Reason.BELOW_CUT): 2}


def test_a_selection_by_a_signal_still_tells_z_and_p_but_no_q():
    cut = {"method": "absolute", "signal": "pair.alignment", "ge": 0.0}

    decided = decide(matching_pairs(20), policy(select=cut))

    assert all(decision.alignment_p is not None for decision in decided.decisions)
    assert all(decision.alignment_q is None for decision in decided.decisions)


@pytest.mark.parametrize("dimensions", [0, 32])
def test_an_empty_partition_has_no_decisions(dimensions: int):
    empty = np.zeros((0, dimensions), dtype=np.float32)
    nothing: dict[str, list[SignalValue]] = {"image.width": [], "pair.alignment": []}

    decided = decide(Pairs([], [], [], nothing, [], empty, empty), policy(rules=[TINY]))

    assert (decided.decisions, decided.calibration) == ([], None)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_the_order_of_the_pairs_changes_no_decision(seed: int, duplicates: str):
    table = take(matching_pairs(60, seed), *range(60), 7, 8)
    swapped = [*range(1, 30), 0, *range(30, 62)]
    table = replace(table, text_embedding=table.text_embedding[swapped])
    table = with_outcome(with_signal(table, 5, "image.width", 10), 6, "pair.alignment", Reason.LANGUAGE_UNSUPPORTED)
    order = [*np.random.default_rng(seed).permutation(60).tolist(), 60, 61]
    chosen = policy(rules=[TINY], duplicates=duplicates)

    straight, permuted = decide(table, chosen), decide(take(table, *order), chosen)

    assert permuted.decisions == [straight.decisions[pair] for pair in order]
    assert permuted.calibration is not None
    assert straight.calibration is not None
    assert permuted.calibration.fingerprint == straight.calibration.fingerprint


def test_every_pair_has_one_decision_and_a_reason_unless_kept():
    table = take(matching_pairs(30), *range(30), 2)
    table = with_outcome(with_signal(table, 0, "image.width", 1), 1, "image.width", Reason.IMAGE_EMPTY)

    decisions = decide(table, policy(rules=[TINY])).decisions

    assert len(decisions) == 31
    assert all((decision.reason is None) is (decision.verdict is Verdict.KEEP) for decision in decisions)
    assert Counter(decision.verdict for decision in decisions) == {
        Verdict.KEEP: 28,
        Verdict.DROP: 2,
        Verdict.QUARANTINE: 1,
    }


def test_the_arguments_are_left_as_they_are():
    table = matching_pairs(20)
    image, text = table.image_embedding.copy(), table.text_embedding.copy()

    decide(table, policy(rules=[TINY]))

    assert (table.image_embedding == image).all()
    assert (table.text_embedding == text).all()


@pytest.mark.parametrize(
    ("values", "unmeasurable", "told"),
    [
        (
            {"image.width": 48},
            {},
            "rule 1: image.width = 48; image.width < 64 [px] → drop (image_too_small)",
        ),
        (
            {"image.width": 64, "image.entropy": 0.123456789},
            {},
            "rule 2: image.entropy = 0.123457; image.entropy ≤ 1.5 [bit] → drop (low_information)",
        ),
        (
            {"image.width": 64},
            {"image.entropy": Reason.SIGNAL_UNMEASURABLE},
            "rule 2: image.entropy is unmeasurable; image.entropy ≤ 1.5 [bit] → quarantine (signal_unmeasurable)",
        ),
        ({"image.width": 1}, {"image.entropy": Reason.IMAGE_CORRUPT}, "cannot be read → quarantine (image_corrupt)"),
        ({"image.width": 64, "image.entropy": 2.0}, {}, None),
    ],
)
def test_explains_the_first_rule_that_fails(
    values: dict[str, SignalValue], unmeasurable: dict[str, Reason], told: str | None
):
    rules = [TINY, {"signal": "image.entropy", "le": 1.5, "reason": "low_information"}]

    assert explain_rule(policy(rules=rules), values, unmeasurable) == told


def test_pairs_are_decided_without_their_embeddings():
    pairs = matching_pairs(20)
    calibration = draw_calibration(pairs.embedded, np.arange(20), "score")
    calibrated = calibrate(calibration, pairs.embedded, np.ones(20, dtype=np.bool_))

    from_scores = decide_calibrated(pairs.table, policy(), calibrated)

    assert list(from_scores) == decide(pairs, policy()).decisions


def test_decisions_are_the_same_as_arrays_and_as_rows():
    table = with_signal(with_outcome(matching_pairs(20), 1, "image.width", Reason.IMAGE_EMPTY), 0, "image.width", 1)
    rows = decide(table, policy(rules=[TINY])).decisions

    arrays = to_decisions(rows)

    assert list(arrays) == rows
    assert list(arrays.take(slice(0, 3))) == rows[:3]
    assert list(arrays.take(np.array([5, 0]))) == [rows[5], rows[0]]
