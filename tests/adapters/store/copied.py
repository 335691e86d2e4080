"""Data sets of small partitions whose pairs are copies of each other, committed as a run commits them, and settled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, Table, func, select

from pairsift.adapters.chunks import ChunkData, write_chunk
from pairsift.adapters.redeciding import Again, Redecided, decide_again
from pairsift.adapters.results import count_verdicts, decision_rows, pair_name
from pairsift.adapters.store.claims import begin_attempt
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.protocol import commit_attempt
from pairsift.adapters.store.registry import (
    open_decision_set,
    register_dataset,
    register_partitions,
    register_policy,
)
from pairsift.adapters.store.rows import AttemptResult, Claim
from pairsift.adapters.store.views import pair_lineage
from pairsift.core.calibration import UNCALIBRATED, Calibrated
from pairsift.core.columns import to_columns
from pairsift.core.deciding import decide, run_pools
from pairsift.core.fingerprint import fingerprint
from pairsift.core.judging import PairTable
from pairsift.core.policy import Policy
from pairsift.core.records import PartitionSpec
from pairsift.core.signals import SIGNALS
from tests.adapters.store.lives import REQUEST

EXACT, NEAR, SEMANTIC = (f"{kind}_duplicate" for kind in ("exact", "near", "semantic"))
STANDS = ("keep", None, None, None)
KEPT = {"method": "absolute", "signal": "pair.alignment", "ge": 0.0}
BLURRED = {"signal": "image.sharpness", "lt": 20, "reason": "blurry"}


@dataclass(frozen=True)
class Pair:
    """A pair; its key is its place. Pictures `degrees` apart have such an angle between their embeddings."""

    uid: str
    picture: str = ""
    phash: int | None = None
    degrees: float = float("nan")
    sharpness: float = 100.0
    alignment: float = 0.5

    @property
    def image_sha256(self) -> str:
        return fingerprint(self.picture or self.uid)

    def value(self, signal: str) -> float | str | None:
        named = {"image.sharpness": self.sharpness, "pair.alignment": self.alignment}
        return f"{self.phash:016x}" if signal == "image.phash" and self.phash is not None else named.get(signal)


def policy(**content: Any) -> Policy:
    given = {"name": "mine", "version": 1, "description": "", "rules": [BLURRED], "select": KEPT}
    return Policy.model_validate(given | content)


def full(uid: str) -> str:
    """Make a uid of a letter: 32 digits of which the letter is the first."""
    return f"{uid:0<32}"


def commit(
    engine: Engine, storage: Path, key: str, pairs: Sequence[Pair], chosen: Policy, *, dataset: str = "mine"
) -> None:
    """Commit a partition decided alone, as a run does before it settles; again if it is there with other pairs."""
    dataset_id = register_dataset(engine, dataset)
    content = fingerprint([repr(pair) for pair in pairs])
    spec = PartitionSpec(key, f"file:///{key}.tar", "webdataset", content)
    (row,) = register_partitions(engine, dataset_id, [spec])
    policy_id = register_policy(engine, chosen.name, str(chosen.version), chosen.sha256, chosen.text)
    request = replace(REQUEST, input_fingerprint=content, decision_fingerprint=chosen.sha256)
    claim = begin_attempt(engine, row.id, request, ProcessIdentity.current())
    assert isinstance(claim, Claim)
    decision_set_id = open_decision_set(engine, dataset_id, policy_id, UNCALIBRATED)
    commit_attempt(engine, claim, result(storage, key, pairs, chosen, decision_set_id))


def result(storage: Path, key: str, pairs: Sequence[Pair], chosen: Policy, decision_set_id: int) -> AttemptResult:
    """Decide pairs by themselves; their embeddings go into a chunk file."""
    uids = [full(pair.uid) for pair in pairs]
    signals = {signal.name: [pair.value(signal.name) for pair in pairs] for signal in SIGNALS}
    names = [pair_name(key, str(place)) for place in range(len(pairs))]
    radians = np.deg2rad([pair.degrees for pair in pairs])
    embeddings = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float16)
    pictures = [pair.image_sha256 for pair in pairs]
    table = PairTable(uids, to_columns(len(pairs), signals, [{}] * len(pairs)), names, pictures, embeddings)
    nothing = np.full(len(pairs), np.nan)
    decisions = decide(table, chosen, Calibrated(nothing, nothing), run_pools(table, chosen))
    captions: list[str | None] = [None] * len(pairs)
    data = ChunkData(uids, captions, signals, [{}] * len(pairs), embeddings, embeddings, embeddings)
    chunk = fingerprint([key, repr(pairs)])
    write_chunk(storage, chunk, data)
    rows = [(n, *values, {}, {}, None) for n, values in enumerate(zip(*signals.values(), strict=True))]
    return AttemptResult(
        decision_set_id=decision_set_id,
        pairs=[(n, str(n), uid, *[None] * 4, pictures[n], *[None] * 3) for n, uid in enumerate(uids)],
        scores=rows,
        decisions=decision_rows(decisions),
        counts=count_verdicts(decisions.verdicts),
        chunks=(chunk,),
        models=(),
        exports=(),
        out_uri="",
    )


Told = tuple[str, str | None, str | None, str | None]
Days = Mapping[str, Sequence[Pair]]


def shown(engine: Engine, dataset: str = "mine") -> dict[str, Told]:
    """Verdict, reason, group (its uid's letter) and keeper of every pair, by PARTITION/KEY."""
    view = pair_lineage.c
    columns = (view.partition, view.key, view.verdict, view.reason, view.duplicate_group, view.duplicate_of)
    query = select(*columns).where(view.dataset == dataset).order_by(view.partition, view.key)
    with engine.connect() as connection:
        return {
            f"{partition}/{key}": (verdict, reason, group and group.rstrip("0"), keeper)
            for partition, key, verdict, reason, group, keeper in connection.execute(query)
        }


def settle(
    engine: Engine, storage: Path, *keys: str, chosen: Policy | None = None, dataset: str = "mine", anew: bool = False
) -> Redecided:
    return decide_again(engine, storage, Again(dataset, chosen or policy(), keys, anew=anew))


def day(engine: Engine, storage: Path, partitions: Days, chosen: Policy | None = None, dataset: str = "mine") -> None:
    """Commit partitions and settle them."""
    for key, pairs in partitions.items():
        commit(engine, storage, key, pairs, chosen or policy(), dataset=dataset)
    settle(engine, storage, *partitions, chosen=chosen, dataset=dataset)


def nearly(hamming: int) -> Policy:
    return policy(duplicates={"near": {"hamming": hamming}})


def keeper(group: str) -> tuple[str, None, str, None]:
    return ("keep", None, group, None)


def copy(reason: str, group: str, of: str) -> tuple[str, str, str, str]:
    return ("drop", reason, group, of)


def rows(engine: Engine, *tables: Table) -> list[int]:
    with engine.connect() as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]
