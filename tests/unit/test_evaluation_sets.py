"""Which pairs are in an evaluation set, by image, hash, embedding and caption; hand-made tables."""

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
import pytest
from pydantic import ValidationError

from pairsift.core.calibration import (
    Calibrated,
    calibration_of,
    decision_basis,
    evaluation_of,
    references_basis,
    references_of,
    target_of,
)
from pairsift.core.columns import Columns, to_columns
from pairsift.core.deciding import decide as decide_calibrated
from pairsift.core.decontamination import describe_decontamination
from pairsift.core.evaluation_sets import EvaluationSet, Member, Suspects, caption_digest, evaluation_set, find_matches
from pairsift.core.judgements import REASONS
from pairsift.core.judging import PairTable, judge_alone
from pairsift.core.policy import Policy
from pairsift.core.records import Cleaner, Reason, SignalValue, Verdict
from pairsift.core.relative import DECONTAMINATED, References, decontaminated, relative_identities
from pairsift.errors import ConfigError

SELECT = {"method": "absolute", "signal": "pair.alignment", "ge": 0}
HARBOUR = "A small harbour at night, in the rain."
HASH = "00000000000000ff"
PICTURES = [f"{number:064x}" for number in range(9)]


def policy(**content: object) -> Policy:
    return Policy.model_validate({"name": "mine", "version": 1, "description": "", "select": SELECT} | content)


def against(*names: str, **kinds: object) -> Policy:
    return policy(decontaminate={"against": names, **kinds})


def direction(degrees: float) -> np.ndarray[tuple[int], np.dtype[np.float16]]:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], dtype=np.float16)


def member(key: str, picture: str | None = None, caption: str | None = None, **rest: object) -> Member:
    given = {"hash": None, "embedding": None} | rest
    digests = [] if caption is None else [caption_digest(caption)]
    return Member(key, picture, captions=dict.fromkeys(Cleaner, digests), **given)  # type: ignore[arg-type] # as given


COCO = evaluation_set(
    [
        member("harbour", PICTURES[1], HARBOUR, hash=HASH, embedding=direction(0)),
        member("bridge", PICTURES[2], hash="ff00000000000000", embedding=direction(90)),
        member("broken", PICTURES[3]),
    ]
)


def found(
    chosen: Policy,
    pictures: Sequence[str | None],
    *,
    sets: Mapping[str, EvaluationSet] | None = None,
    captions: Sequence[str | None] | None = None,
    hashes: Sequence[str | None] | None = None,
    degrees: Sequence[float] | None = None,
    columns: Columns | None = None,
) -> list[tuple[int, Reason | None, str, float]]:
    """Find who is in the sets: place, reason, member, distance."""
    count = len(pictures)
    known = columns or to_columns(count, {"image.phash": hashes or [None] * count}, [{}] * count)
    image = np.zeros((count, 2)) if degrees is None else np.array([direction(each) for each in degrees], np.float32)
    suspects = Suspects(pictures, captions or [None] * count, image)
    assert chosen.decontaminate is not None
    matches = find_matches(chosen.decontaminate, sets or {"coco": COCO}, suspects, known, chosen.cleaner)
    reasons = [REASONS[code] for code in matches.reasons.tolist()]
    told = zip(matches.places.tolist(), reasons, matches.members.tolist(), matches.distances.tolist(), strict=True)
    return [(place, reason, name, round(distance, 4)) for place, reason, name, distance in told]


def test_the_same_image_file_is_found_whatever_else_is_asked_for():
    assert found(against("coco"), [PICTURES[7], PICTURES[3], None, PICTURES[1]]) == [
        (1, Reason.EVALUATION_IMAGE, "coco/broken", 0),
        (3, Reason.EVALUATION_IMAGE, "coco/harbour", 0),
    ]


@pytest.mark.parametrize(
    ("hash", "bits"),
    [
        (HASH, 0),
        ("00000000000000f0", 4),
        ("00000000000000e0", 5),
        ("f000000000000000", 4),
        (None, None),
        ("0f0f0f0f0f0f0f0f", None),
    ],
)
def test_a_hash_within_the_limit_is_near_and_the_nearest_member_is_told(hash: str | None, bits: int | None):  # noqa: A002 - the column's name
    told = found(against("coco", near={"hamming": 5}), [PICTURES[8]], hashes=[hash])

    name = "coco/bridge" if hash is not None and hash.startswith("f") else "coco/harbour"
    assert told == ([] if bits is None else [(0, Reason.EVALUATION_NEAR_IMAGE, name, bits)])


def test_one_bit_beyond_the_limit_is_not_near():
    assert found(against("coco", near={"hamming": 4}), [PICTURES[8]], hashes=["00000000000000e0"]) == []


@pytest.mark.parametrize(("degrees", "member"), [(10, "harbour"), (-10, "harbour"), (85, "bridge"), (45, None)])
def test_an_embedding_with_a_higher_cosine_is_of_the_same_picture(degrees: float, member: str | None):
    told = found(against("coco", semantic={"cosine": 0.9}), [PICTURES[8]], degrees=[degrees])

    assert [(reason, name) for _, reason, name, _ in told] == (
        [] if member is None else [(Reason.EVALUATION_SEMANTIC_IMAGE, f"coco/{member}")]
    )


def test_how_far_an_embedding_is_is_one_minus_its_cosine_and_a_cosine_of_the_limit_is_no_match():
    half = against("coco", semantic={"cosine": 0.5})
    image = np.array([[0.5, np.sqrt(0.75)], [0.6, 0.8]])
    suspects = Suspects(PICTURES[7:], [None, None], image)
    one = {"coco": evaluation_set([member("axis", PICTURES[1], embedding=direction(0))])}
    columns = to_columns(2, {}, [{}, {}])

    assert half.decontaminate is not None
    matches = find_matches(half.decontaminate, one, suspects, columns, Cleaner.DEFAULT)

    assert matches.places.tolist() == [1]
    assert matches.distances.tolist() == pytest.approx([0.4], abs=1e-5)


def test_pairs_without_an_embedding_match_none():
    assert found(against("coco", semantic={"cosine": 0.1}), [PICTURES[8]]) == []


@pytest.mark.parametrize(
    ("caption", "matches"),
    [
        (HARBOUR, True),
        ("a small HARBOUR at night – in the rain", True),
        ("A small harbour at night", False),
        (None, False),
    ],
)
def test_a_caption_is_the_same_whatever_its_case_and_punctuation(caption: str | None, *, matches: bool):
    told = found(against("coco", captions={"characters": 29}), [PICTURES[8]], captions=[caption])

    assert told == ([(0, Reason.EVALUATION_CAPTION, "coco/harbour", 0)] if matches else [])


def test_a_caption_shorter_than_the_limit_is_not_compared():
    # "asmallharbouratnightintherain" has 29 letters
    assert found(against("coco", captions={"characters": 30}), [PICTURES[8]], captions=[HARBOUR]) == []


def test_vowel_signs_are_part_of_what_a_caption_says():
    assert caption_digest("कि") != caption_digest("का")
    assert caption_digest("Ｆｕｌｌ width") == caption_digest("fullwidth")


def test_only_what_is_asked_for_is_compared():
    told = found(against("coco"), [PICTURES[8]], hashes=[HASH], degrees=[0], captions=[HARBOUR])

    assert told == []


def test_the_surest_kind_is_told_of_all_sets_and_then_the_first_set():
    both = {"a": COCO, "b": evaluation_set([member("same", PICTURES[8], hash=HASH)])}
    chosen = against("a", "b", near={"hamming": 0}, captions={"characters": 1})

    told = found(chosen, [PICTURES[8], PICTURES[7], None], sets=both, hashes=[HASH, HASH, None], captions=[HARBOUR] * 3)

    assert told == [
        (0, Reason.EVALUATION_IMAGE, "b/same", 0),
        (1, Reason.EVALUATION_NEAR_IMAGE, "a/harbour", 0),
        (2, Reason.EVALUATION_CAPTION, "a/harbour", 0),
    ]


def test_many_hashes_are_found_as_by_comparing_all_with_all():
    rng = np.random.default_rng(5)
    theirs = rng.integers(0, 2**63, 40, dtype=np.uint64)
    flips = [sum(1 << int(bit) for bit in rng.choice(64, n % 9, replace=False)) for n in range(200)]
    ours = [int(theirs[n % 40]) ^ flip for n, flip in enumerate(flips)]
    members = [member(f"{n:02d}", f"{n:064x}", hash=f"{int(each):016x}") for n, each in enumerate(theirs)]
    chosen, hashes = against("many", near={"hamming": 6}), [f"{each:016x}" for each in ours]

    told = found(chosen, [None] * 200, sets={"many": evaluation_set(members)}, hashes=hashes)

    bits = np.bitwise_count(np.array(ours, dtype=np.uint64)[:, None] ^ theirs[None])
    expected = [(n, f"many/{row.argmin():02d}", int(row.min())) for n, row in enumerate(bits) if row.min() <= 6]
    assert [(place, name, distance) for place, _, name, distance in told] == expected


def test_an_empty_set_matches_nobody():
    chosen = against("none", near={"hamming": 3}, semantic={"cosine": 0.5}, captions={"characters": 1})

    assert found(chosen, PICTURES[:2], sets={"none": evaluation_set([])}, hashes=[HASH, HASH]) == []


def test_a_set_is_its_content_in_whatever_order_it_was_read():
    members = [member("a", PICTURES[1], HARBOUR), member("b", PICTURES[2], hash=HASH), member("c", None, "words")]

    fingerprints = {evaluation_set(order).fingerprint for order in permutations(members)}

    assert len(fingerprints) == 1
    for changed in (member("d", None, "words"), member("c", None, "word"), member("c", PICTURES[3], "words")):
        assert evaluation_set([*members[:2], changed]).fingerprint not in fingerprints


def decided(chosen: Policy, columns: Columns, uids: Sequence[str]) -> list[tuple[Verdict, Reason | None, str | None]]:
    names = [f"shard/{uid}" for uid in uids]
    nothing = np.full(len(uids), np.nan)
    rows = decide_calibrated(PairTable(uids, columns, names), chosen, Calibrated(nothing, nothing))
    return [(row.verdict, row.reason, row.evaluation_match) for row in rows]


def test_a_pair_of_an_evaluation_set_is_dropped_before_rules_and_stands_for_no_copy():
    tiny = {"signal": "image.width", "lt": 64, "reason": "image_too_small"}
    chosen = policy(decontaminate={"against": ["coco"]}, rules=[tiny])
    values: dict[str, Sequence[SignalValue]] = {
        "image.width": [10, 10, 640, 640],
        "pair.alignment": [0.5, 0.5, None, 0.5],
    }
    unreadable = {"pair.alignment": Reason.CAPTION_EMPTY}
    columns = to_columns(4, values, [{}, {}, unreadable, {}])
    suspects = Suspects([PICTURES[1], PICTURES[8], PICTURES[2], PICTURES[1]], [None] * 4, np.zeros((4, 0)))

    held = decontaminated(chosen, References(evaluation={"coco": COCO}), suspects, columns)

    assert decided(chosen, held, ["u", "v", "w", "u"]) == [
        (Verdict.DROP, Reason.EVALUATION_IMAGE, "coco/harbour"),
        (Verdict.DROP, Reason.IMAGE_TOO_SMALL, None),
        (Verdict.QUARANTINE, Reason.CAPTION_EMPTY, None),
        (Verdict.DROP, Reason.EVALUATION_IMAGE, "coco/harbour"),
    ]


def test_a_policy_that_was_not_given_its_sets_is_refused():
    columns = to_columns(1, {"pair.alignment": [0.5]}, [{}])

    with pytest.raises(ConfigError, match="compares pairs with evaluation sets, which were not given"):
        judge_alone(PairTable(["u"], columns, ["shard/u"]), against("coco"))
    assert judge_alone(PairTable(["u"], columns, ["shard/u"]), against("coco").before_calibration).kept.tolist() == [0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"against": []}, "at least 1 item"),
        ({"against": ["a", "a"]}, "named twice"),
        ({"against": ["My set"]}, "String should match pattern"),
        ({"against": ["a"], "captions": {"characters": 0}}, "greater than or equal to 1"),
        ({"against": ["a"], "image": "exact"}, "image"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        policy(decontaminate=given)


def test_a_policy_says_in_words_what_it_drops_and_one_without_is_identified_as_ever():
    chosen = against("coco", "flickr", near={"hamming": 6}, semantic={"cosine": 0.95}, captions={"characters": 25})

    assert describe_decontamination(chosen.decontaminate) == (
        "the same image; near: image.phash within 6 [bits of 64]; semantic: image embeddings > 0.95 [cosine]; "
        "the same caption of ≥ 25 [letters and digits]; against coco, flickr"
    )
    assert describe_decontamination(None) == "none"
    assert "decontaminate" not in policy().text
    assert chosen.sha256 != against("coco").sha256
    assert "image.phash" in chosen.signals
    assert not chosen.finds_copies_as(against("coco"))


def test_a_basis_names_the_evaluation_sets_in_their_order():
    basis = decision_basis(references_basis("cal", "tar", ["a" * 64, "b" * 64]), "pools")

    assert basis == f"cal@tar#{'a' * 16},{'b' * 16}+pools"
    assert (calibration_of(basis), target_of(basis)) == ("cal", "tar")
    assert evaluation_of(basis) == f"{'a' * 16},{'b' * 16}"
    assert references_of(basis) == basis.removesuffix("+pools")
    assert evaluation_of("cal@tar+pools") == ""


def test_what_is_found_of_sets_depends_on_their_content_and_on_what_is_asked():
    here, there = (references_basis(None, None, [digit * 64]) for digit in "ab")
    chosen = against("coco", near={"hamming": 6})

    named = relative_identities(chosen, here)[DECONTAMINATED]

    assert named == relative_identities(chosen, decision_basis(here, "pools", "copies"))[DECONTAMINATED]
    assert named != relative_identities(chosen, there)[DECONTAMINATED]
    assert named != relative_identities(against("coco", near={"hamming": 5}), here)[DECONTAMINATED]
