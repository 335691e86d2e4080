"""Pairs of an evaluation set are kept out: in a run, decided again, explained; the stages ran without Prefect."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from prefect.logging import disable_run_logger
from sqlalchemy import select

from pairsift.adapters.policies import load_policy
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.store.tables import decision_set
from pairsift.adapters.store.views import pair_lineage
from pairsift.core.calibration import evaluation_of
from tasks import workplace
from tasks.finish import finish_run
from tests.command_line import Command
from tests.tasks.shards import Members, pairs_of, write_shard
from tests.tasks.steps import claimed, committed, plan_of

HELD_OUT = (1, 2, 3, 4, 5, 6)
UNRELATED = (8, 9, 10, 13)
CAPTION = "Three grey herons wait in the shallow water below the weir"
POLICY = """
name: {name}
version: 1
description: Keeps everything that is not in the evaluation set.
decontaminate: {decontaminate}
select: {{method: absolute, signal: pair.alignment, ge: {cut}, unmeasurable: keep}}
"""
ALL_KINDS = "{against: [mine], near: {hamming: 8}, semantic: {cosine: 0.97}, captions: {characters: 30}}"


def policy(folder: Path, name: str = "apart", decontaminate: str = ALL_KINDS, cut: float = -1) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(POLICY.format(name=name, decontaminate=decontaminate, cut=cut))
    return path


def picture(members: Members) -> Image.Image:
    (suffix,) = members.keys() & {"jpg", "png", "webp"}
    return Image.open(io.BytesIO(members[suffix])).convert("RGB")


def saved(image: Image.Image, caption: str, quality: int = 90) -> Members:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return {"jpg": file.getvalue(), "txt": caption.encode()}


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 6 // 10, image.height * 6 // 10))


def cropped(image: Image.Image) -> Image.Image:
    left, top = image.width * 2 // 100, image.height * 2 // 100
    return image.crop((left, top, image.width - left, image.height - top))


@pytest.fixture
def source(tmp_path: Path, storage: Path) -> Path:  # noqa: ARG001 - where it is stored
    """Two shards: pictures of the evaluation set in many guises, its captions, and unrelated pairs."""
    held = list(pairs_of(HELD_OUT).values())
    same, again, small, crop, _quoted, upside = held
    first = {
        "same": {**same, "txt": b"another caption of its own"},
        "recompressed": saved(picture(again), "a caption", quality=40),
        "smaller": saved(smaller(picture(small)), "a caption"),
    }
    second = {
        "cropped": saved(cropped(picture(crop)), "a caption"),
        "quoted": {**pairs_of([17])["000000017"], "txt": CAPTION.upper().encode()},
        "turned": saved(picture(upside).transpose(Image.Transpose.ROTATE_180), "a caption"),
    }
    write_shard(tmp_path / "source" / "a.tar", {**first, **pairs_of(UNRELATED[:2])})
    write_shard(tmp_path / "source" / "b.tar", {**second, **pairs_of(UNRELATED[2:])})
    return tmp_path / "source"


@pytest.fixture
def held_out(pairsift: Command, tmp_path: Path, source: Path) -> str:  # noqa: ARG001 - storage
    """Make an evaluation set of a shard, with a second caption under a picture, and one broken picture."""
    pairs = pairs_of(HELD_OUT)
    last = pairs["000000006"]
    pairs["herons"] = {**last, "txt": CAPTION.encode()}
    pairs["broken"] = {"jpg": b"no picture", "txt": b"short"}
    write_shard(tmp_path / "held" / "test.tar", pairs)
    made = told(pairsift, "evaluation-set", tmp_path / "held", "--name", "mine")
    assert (made["read"], made["pictures"], made["unreadable"]) == (8, 7, 1)
    return str(made["evaluation_set"])


def told(pairsift: Command, *arguments: object) -> dict[str, Any]:
    code, out, err = pairsift(*arguments, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def curate(source: Path, chosen: Path) -> None:
    """Curate a source, and settle the run as its flow does."""
    with disable_run_logger():
        plan = plan_of(source, policy=str(chosen))
        finish_run.fn(plan, [committed(job, claimed(job)) for job in plan.jobs])
    decide_again(workplace.store(), workplace.storage(), Again(plan.dataset, load_policy(str(chosen))))


def shown(*names: str) -> dict[str, tuple[Any, ...]]:
    columns = [pair_lineage.c[name] for name in names]
    with workplace.store().connect() as connection:
        return {row[0]: tuple(row)[1:] for row in connection.execute(select(pair_lineage.c.key, *columns))}


TOLD = ("verdict", "reason", "evaluation_match", "evaluation_distance", "policy")


def test_copies_in_any_guise_fall_and_unrelated_pairs_stay(
    pairsift: Command, source: Path, held_out: str, tmp_path: Path
):
    curate(source, policy(tmp_path))

    rows = shown("reason", "evaluation_match")
    dropped = {key: row for key, row in rows.items() if row[0] is not None}
    assert dropped == {
        "same": ("evaluation_image", "mine/000000001"),
        "recompressed": ("evaluation_near_image", "mine/000000002"),
        "smaller": ("evaluation_near_image", "mine/000000003"),
        "cropped": ("evaluation_near_image", "mine/000000004"),
        "quoted": ("evaluation_caption", "mine/000000006"),
    }
    assert rows.keys() - dropped.keys() == {"turned", *(f"{key:09d}" for key in UNRELATED)}
    with workplace.store().connect() as connection:
        bases = connection.scalars(select(decision_set.c.calibration)).all()
    assert {evaluation_of(basis) for basis in bases} == {held_out[:16]}
    (story,) = told(pairsift, "explain", "cropped")["pairs"]
    bits = story["decision"]["evaluation_distance"]
    assert 0 < bits <= 8
    assert story["decision"]["rule"] == (
        f"in evaluation set, as mine/000000004: image.phash differs in {bits:.0f} [bits of 64] → drop "
        "(evaluation_near_image)"
    )


@pytest.mark.usefixtures("held_out")
def test_embeddings_find_what_hashes_are_not_asked_for(pairsift: Command, source: Path, tmp_path: Path):
    curate(source, policy(tmp_path, decontaminate="{against: [mine], semantic: {cosine: 0.97}}"))

    rows = shown("reason", "evaluation_match", "evaluation_distance")
    found = {key: row for key, row in rows.items() if row[0] == "evaluation_semantic_image"}
    assert {key: row[1] for key, row in found.items()} == {
        "recompressed": "mine/000000002",
        "smaller": "mine/000000003",
        "cropped": "mine/000000004",
    }
    assert all(0 < row[2] < 0.03 for row in found.values())
    (story,) = told(pairsift, "explain", "smaller")["pairs"]
    assert f"image embeddings with {1 - rows['smaller'][2]:.4f} [cosine]" in story["decision"]["rule"]


@pytest.mark.usefixtures("held_out")
def test_what_is_decided_again_is_what_a_run_decides(pairsift: Command, source: Path, tmp_path: Path):
    curate(source, policy(tmp_path, "none", decontaminate="{against: [mine]}"))
    asked = policy(tmp_path, "all")

    told(pairsift, "decide", "source", "--policy", asked)

    again = shown(*TOLD)
    curate(source, policy(tmp_path, "same-all"))
    with_other_name = {key: (*row[:4], "same-all") for key, row in again.items()}
    assert shown(*TOLD) == with_other_name
    assert {row[4] for row in again.values()} == {"all"}


@pytest.mark.usefixtures("held_out")
def test_what_another_set_found_is_taken_from_there(pairsift: Command, source: Path, tmp_path: Path, storage: Path):
    curate(source, policy(tmp_path))
    before = shown(*TOLD[:4])
    for file in (*storage.glob("chunks/**/*.parquet"), *storage.glob("evaluation-sets/*")):
        file.unlink()

    told(pairsift, "decide", "source", "--policy", policy(tmp_path, "stricter", cut=2))

    after = shown(*TOLD[:4])
    assert {row[1] for row in after.values()} == {"below_cut", *(row[1] for row in before.values() if row[1])}
    assert all(after[key] == row for key, row in before.items() if row[1] is not None)


@pytest.mark.usefixtures("held_out")
def test_a_set_that_is_made_anew_is_another_decision(pairsift: Command, source: Path, tmp_path: Path):
    chosen = policy(tmp_path)
    curate(source, chosen)
    write_shard(tmp_path / "other" / "test.tar", pairs_of(UNRELATED[:1]))

    told(pairsift, "evaluation-set", tmp_path / "other", "--name", "mine")
    told(pairsift, "decide", "source", "--policy", chosen)

    key = f"{UNRELATED[0]:09d}"
    assert {name: row for name, row in shown("reason", "evaluation_match").items() if row[0]} == {
        key: ("evaluation_image", f"mine/{key}")
    }


@pytest.mark.usefixtures("source")
def test_a_near_copy_stays_when_the_one_it_fell_beside_is_kept_out(pairsift: Command, tmp_path: Path):
    image = picture(pairs_of([11])["000000011"])
    copies = {"one": saved(image, "a caption"), "two": saved(image, "another", quality=60)}
    for key, members in copies.items():
        write_shard(tmp_path / "copied" / f"{key}.tar", {key: members})
    write_shard(tmp_path / "before" / "test.tar", pairs_of([12]))
    told(pairsift, "evaluation-set", tmp_path / "before", "--name", "mine")
    chosen = policy(tmp_path, "near", decontaminate="{against: [mine]}\nduplicates: {near: {hamming: 8}}")
    curate(tmp_path / "copied", chosen)
    (fallen,) = (key for key, (reason,) in shown("reason").items() if reason == "near_duplicate")
    (keeper,) = copies.keys() - {fallen}

    write_shard(tmp_path / "after" / "test.tar", {"kept-out": copies[keeper]})
    told(pairsift, "evaluation-set", tmp_path / "after", "--name", "mine")
    told(pairsift, "decide", "copied", "--policy", chosen)

    assert shown("reason", "duplicate_of") == {fallen: (None, None), keeper: ("evaluation_image", None)}


def test_a_run_without_its_set_is_refused_before_anything_is_registered(source: Path, tmp_path: Path):
    with pytest.raises(Exception, match=r"`pairsift evaluation-set SOURCE --name mine` makes one"):
        curate(source, policy(tmp_path))

    assert shown("reason") == {}


def test_people_are_told_what_a_name_stands_for(pairsift: Command, source: Path, held_out: str, tmp_path: Path):
    again = pairsift("evaluation-set", tmp_path / "held", "--name", "mine")[1]
    other = pairsift("evaluation-set", source, "--name", "mine")[1]
    code, _, refused = pairsift("evaluation-set", source, "--name", "My set")
    described = pairsift("policies", policy(tmp_path))[1]

    assert "nothing changes" in again
    assert held_out in other
    assert "Policies that name mine in decontaminate.against go by it" in other
    assert (code, "the command is not usable: name" in refused) == (2, True)
    assert "near: image.phash within 8 [bits of 64]" in described
