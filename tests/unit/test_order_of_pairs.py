"""No decision depends on the order of the pairs: permuting a table permutes its decisions, by content."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsift.core.calibration import Calibrated
from pairsift.core.columns import to_columns
from pairsift.core.deciding import Decision, decide
from pairsift.core.judging import PairTable
from pairsift.core.policy import Policy
from pairsift.core.records import Reason, SignalValue
from pairsift.core.selects import Among, Pool, PoolRequest

NAN = float("nan")
VALUES: dict[str, list[SignalValue]] = {
    "image.width": [1, 2, 3, None],
    "image.entropy": [0.5, 1.0, None, NAN],
    "text.language": ["en", "zh", None],
    "pair.alignment": [0.1, 0.2, 0.3, None],
    "source.similarity": [0.1, 0.2, "0.2", None],
}
"""Few values each, so that most tables have ties and gaps."""
REASONS = (None, Reason.LANGUAGE_UNSUPPORTED, Reason.SIGNAL_UNMEASURABLE, Reason.IMAGE_CORRUPT)
POOLS = {
    PoolRequest(Pool.RUN, signal, among): np.array([0.1, 0.2, 0.2, NAN, 0.3])
    for signal in ("pair.alignment", "source.similarity")
    for among in Among
}


@dataclass(frozen=True)
class Content:
    """What a pair is and what was measured of it; copies share it."""

    uid: str
    values: dict[str, SignalValue]
    why: dict[str, Reason]
    z: float
    p: float


unmeasurable = st.sampled_from(["drop", "keep", "quarantine"])
conditions: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"signal": "image.width", "lt": 2},
        {"signal": "image.entropy", "le": 0.5},
        {"signal": "text.language", "not_in": ["en"]},
        {"signal": "source.similarity", "ge": 0.2},
        {"signal": "source.similarity", "eq": "0.2"},
    ]
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    spared: dict[str, Any] = {"unless": draw(st.lists(conditions, max_size=2)), "unmeasurable": draw(unmeasurable)}
    return draw(conditions) | spared | {"reason": "policy_rule"}


@st.composite
def ranked(draw: st.DrawFn) -> dict[str, Any]:
    cut: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"method": "absolute", "ge": 0.2},
                {"method": "top_fraction", "fraction": 0.3},
                {"method": "top_fraction", "fraction": 0.3, "counting": "all"},
                {"method": "percentile", "percentile": 60},
            ]
        )
    )
    pool = {"pool": draw(st.sampled_from(["partition", "run"])), "among": draw(st.sampled_from(["survivors", "all"]))}
    signal = draw(st.sampled_from(["pair.alignment", "source.similarity"]))
    return cut | ({} if cut["method"] == "absolute" else pool) | {"signal": signal, "unmeasurable": draw(unmeasurable)}


selections = (
    st.builds(lambda says: {"method": "fdr", "alpha": 0.2, "unmeasurable": says}, unmeasurable)
    | ranked()
    | st.builds(lambda of: {"method": "all_of", "of": of}, st.lists(ranked(), min_size=2, max_size=3))
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    content = {"rules": draw(st.lists(rules(), max_size=3)), "select": draw(selections)}
    duplicates = draw(st.sampled_from(["drop", "keep"]))
    return Policy.model_validate({"name": "any", "version": 1, "description": "", "duplicates": duplicates} | content)


@st.composite
def contents(draw: st.DrawFn, uid: str) -> Content:
    values = {name: draw(st.sampled_from(known)) for name, known in VALUES.items()}
    absent = [name for name, value in values.items() if value is None and not name.startswith("source.")]
    reasons = {name: draw(st.sampled_from(REASONS)) for name in absent}
    z = draw(st.sampled_from([-1.0, 0.0, 2.0, 3.0, NAN]))
    p = {-1.0: 0.9, 0.0: 0.4, 2.0: 0.02, 3.0: 0.001}.get(z, NAN)
    return Content(uid, values, {name: reason for name, reason in reasons.items() if reason is not None}, z, p)


@st.composite
def pairs(draw: st.DrawFn) -> list[Content]:
    """Up to 24 pairs, many of them copies."""
    known = [draw(contents(f"{number:032x}")) for number in range(draw(st.integers(1, 12)))]
    return draw(st.lists(st.sampled_from(known), max_size=24))


def decisions(found: list[Content], policy: Policy) -> list[Decision]:
    signals = {name: [pair.values[name] for pair in found] for name in VALUES}
    table = PairTable([pair.uid for pair in found], to_columns(len(found), signals, [pair.why for pair in found]))
    calibrated = Calibrated(np.array([pair.z for pair in found]), np.array([pair.p for pair in found]))
    return list(decide(table, policy, calibrated, POOLS))


def by_content(found: list[Content], policy: Policy) -> Counter[tuple[str, Decision]]:
    made = decisions(found, policy)
    return Counter((pair.uid, decision) for pair, decision in zip(found, made, strict=True))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(pairs(), policies(), st.randoms(use_true_random=False))
def test_permuting_the_pairs_permutes_their_decisions(found: list[Content], policy: Policy, chance: Any):
    permuted = chance.sample(found, len(found))

    assert by_content(permuted, policy) == by_content(found, policy)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(pairs(), policies())
def test_every_pair_has_one_decision_with_a_reason_unless_kept(found: list[Content], policy: Policy):
    made = decisions(found, policy)

    assert len(made) == len(found)
    assert all((decision.reason is None) is (decision.verdict == "keep") for decision in made)


def test_the_policies_drawn_select_in_every_way():
    """So the properties above say something of every method."""
    seen: set[str] = set()

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(policies())
    def look(policy: Policy) -> None:
        seen.add(policy.select.method)

    look()

    assert seen == {"fdr", "absolute", "top_fraction", "percentile", "all_of"}
