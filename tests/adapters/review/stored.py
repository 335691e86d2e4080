"""A small data set decided twice, with pictures that are there, as a run would have left it; and its review."""

import hashlib
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from sqlalchemy import Engine
from starlette.testclient import TestClient

from benchmarks.decide_million import drawn_signals, lenient_policy
from pairsift.adapters.browsed import Browsed
from pairsift.adapters.policies import load_policy
from pairsift.adapters.redeciding import Again, decide_again
from pairsift.adapters.results import count_verdicts, decision_rows
from pairsift.adapters.store.claims import begin_attempt
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.protocol import commit_attempt
from pairsift.adapters.store.registry import (
    activate_decision_set,
    open_decision_set,
    register_calibration,
    register_dataset,
    register_partitions,
    register_policy,
)
from pairsift.adapters.store.rows import AttemptKind, AttemptRequest, AttemptResult, CalibrationRow, Claim
from pairsift.core.calibration import Calibrated
from pairsift.core.columns import to_columns
from pairsift.core.deciding import decide
from pairsift.core.false_discovery import p_values
from pairsift.core.judging import PairTable
from pairsift.core.records import PartitionSpec, Reason, SignalValue
from pairsift.core.signals import SIGNALS
from pairsift.review.access import Access
from pairsift.review.app import make_app
from pairsift.review.desk import Desk
from tests.tasks.shards import GOOD, cut

PAIRS = 40
PARTITIONS = ("a", "b")
HOSTILE = '</script><script>alert("1")</script><img src=x onerror=alert(2)>\u202egnp.exe'
HOST = "http://127.0.0.1"
TOKEN = "correct horse battery staple"
UNREADABLE, BLURRED = 38, 3
"""Ordinals of the pair whose picture cannot be decoded, and of a blurred one."""
REQUEST = AttemptRequest(AttemptKind.CURATE, "", (), "", "score", "decision", "config", "cpu", "float32")

Signals = dict[str, list[SignalValue]]


@dataclass(frozen=True)
class Place:
    """Where a picture lies, with its digest."""

    offset: int
    size: int
    sha256: str


def store_pairs(url: str, folder: Path) -> None:
    """Put two partitions into an empty store: z from −1 up to 6.8 by 0.2, mostly kept; then decide more strictly."""
    shard = cut(folder / "shard.tar", GOOD)
    engine = open_engine(url)
    dataset_id = register_dataset(engine, "cats")
    register_calibration(engine, dataset_id, CalibrationRow("drawn", "score", {}, "0" * 64))
    policy = lenient_policy()
    policy_id = register_policy(engine, policy.name, str(policy.version), policy.sha256, policy.text)
    decision_set_id = open_decision_set(engine, dataset_id, policy_id, "drawn")
    specs = [PartitionSpec(key, f"file:///{key}.tar", "webdataset", key) for key in PARTITIONS]
    for number, row in enumerate(register_partitions(engine, dataset_id, specs)):
        claim = begin_attempt(engine, row.id, REQUEST, ProcessIdentity.current())
        assert isinstance(claim, Claim)
        commit_attempt(engine, claim, _partition(number, shard, decision_set_id))
    activate_decision_set(engine, dataset_id, decision_set_id)
    decide_again(engine, folder, Again("cats", load_policy("default")))
    engine.dispose()


def review(engine: Engine, *, write: bool = True, token: str | None = None) -> TestClient:
    """Open a review of what is stored; without following where it leads."""
    access = Access(frozenset({"127.0.0.1"}), write, "ada", token)
    desk = Desk(Browsed(engine, "cats", lambda: 0.0), access, "http://prefect.example")
    return TestClient(make_app(desk), base_url=HOST, follow_redirects=False)


def csrf_of(client: TestClient) -> str:
    """Read the secret of a review's forms off a page."""
    return field_of(client.get("/policy").text, "csrf")


def field_of(page: str, name: str) -> str:
    """Read a hidden field's value off a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


def captions(page: str) -> list[str]:
    """List the captions on a page of pairs."""
    return re.findall(r'<p class="caption"><bdi>(.*?)</bdi>', page)


def post(client: TestClient, path: str, **fields: Any) -> Any:
    """Send a form as the page would."""
    return client.post(path, data={"csrf": csrf_of(client), **fields})


def uid_of(number: int, ordinal: int) -> str:
    return hashlib.sha256(f"{number}/{ordinal}".encode()).hexdigest()[:32]


def _partition(number: int, shard: Path, decision_set_id: int) -> AttemptResult:
    z = np.linspace(-1, 6.8, PAIRS)
    nulls = np.random.default_rng(0).normal(size=10_000)
    signals, why = _signals(np.random.default_rng(number))
    uids = [uid_of(number, ordinal) for ordinal in range(PAIRS)]
    calibrated = Calibrated(z, p_values(z, nulls))
    decisions = decide(PairTable(uids, to_columns(PAIRS, signals, why)), lenient_policy(), calibrated)
    return AttemptResult(
        decision_set_id=decision_set_id,
        pairs=list(_pairs(number, shard, uids)),
        scores=[
            (n, *row, {}, None) for n, row in enumerate(zip(*(signals[s.name] for s in SIGNALS), why, strict=True))
        ],
        decisions=decision_rows(decisions),
        counts=count_verdicts(decisions.verdicts),
        chunks=(),
        models=(),
        exports=(),
        out_uri="",
        calibration_fingerprint="drawn",
    )


def _pairs(number: int, shard: Path, uids: list[str]) -> Any:
    places = _pictures(shard)
    for ordinal, uid in enumerate(uids):
        place = places[ordinal % len(places)]
        caption = HOSTILE if (number, ordinal) == (0, 39) else f"A picture no. {ordinal} of {PARTITIONS[number]}"
        where = (str(shard), place.offset, place.size, place.sha256)
        yield (ordinal, f"key-{ordinal:02d}", uid, None, *where, caption, caption, None)


def _pictures(shard: Path) -> list[Place]:
    data = shard.read_bytes()
    with tarfile.open(shard) as tar:
        members = [member for member in tar if member.name.endswith((".jpg", ".png"))]
    bounds = [(member.offset_data, member.size) for member in members]
    return [Place(at, size, hashlib.sha256(data[at : at + size]).hexdigest()) for at, size in bounds]


def _signals(generator: Generator) -> tuple[Signals, list[dict[str, Reason]]]:
    signals = drawn_signals(generator, np.zeros(PAIRS, dtype=np.bool_))
    good = {"image.width": 400, "image.height": 300, "image.aspect_ratio": 1.3, "image.sharpness": 300.0}
    good |= {"image.brightness": 0.5, "image.contrast": 0.2, "image.entropy": 7.0, "text.words": 5}
    good |= {f"text.{name}": 0.0 for name in ("share_removed", "filename_likeness", "url_likeness", "code_likeness")}
    signals |= {name: [value] * PAIRS for name, value in good.items()}
    signals["pair.alignment"] = [n / 100 for n in range(PAIRS)]
    signals["image.sharpness"][BLURRED] = 5.0
    why: list[dict[str, Reason]] = [{} for _ in range(PAIRS)]
    for signal in (name for name in signals if name.startswith("image.")):
        signals[signal][UNREADABLE] = None
        why[UNREADABLE][signal] = Reason.IMAGE_CORRUPT
    return signals, why
