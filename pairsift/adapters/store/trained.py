"""What was trained for encoders: adapters of `conse`, and fusion heads. A name, once given, stays what it is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Engine, Table, select

from pairsift.adapters.store.engine import now, writing
from pairsift.adapters.store.registry import insert_missing
from pairsift.adapters.store.tables import adapter, fusion_head
from pairsift.errors import ConfigError

Kind = Literal["adapter", "fusion"]
_TABLES: Mapping[Kind, Table] = {"adapter": adapter, "fusion": fusion_head}
_CALLED: Mapping[Kind, str] = {"adapter": "an adapter", "fusion": "a fusion head"}


@dataclass(frozen=True, slots=True)
class TrainedRow:
    """One trained file, `uri` below the storage; `data` says what it learnt from, `metrics` how well it did."""

    name: str
    space: str
    encoder: str
    shape: Mapping[str, Any]
    data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    uri: str
    sha256: str = ""

    def said(self) -> dict[str, Any]:
        """What the file says of itself."""
        facts = {**self.data, **self.metrics}
        return {"space": self.space, "encoder": self.encoder, "shape": dict(self.shape), "facts": facts}


def register_trained(engine: Engine, kind: Kind, row: TrainedRow) -> None:
    """Register a file that is durable; ConfigError if its name is known with other bytes."""
    with writing(engine) as connection:
        insert_missing(connection, _TABLES[kind], [{**asdict(row), "created_at": now(connection)}])
    require_free(engine, kind, row.name, row.sha256)


def require_free(engine: Engine, kind: Kind, name: str, sha256: str | None = None) -> None:
    """Refuse (ConfigError) a name that is taken, unless by these very bytes: scores were made with what it names."""
    table = _TABLES[kind]
    with engine.connect() as connection:
        known = connection.scalar(select(table.c.sha256).where(table.c.name == name))
    if known is not None and known != sha256:
        raise ConfigError(f"there is {_CALLED[kind]} {name!r} already, and scores may refer to it: give another --name")


def list_trained(engine: Engine, kind: Kind, space: str) -> list[TrainedRow]:
    """List what was trained for an encoder's space, the oldest first."""
    table = _TABLES[kind]
    columns = [table.c[name] for name in TrainedRow.__dataclass_fields__]
    with engine.connect() as connection:
        return [
            TrainedRow(*row) for row in connection.execute(select(*columns).filter_by(space=space).order_by(table.c.id))
        ]


def best_head(engine: Engine, space: str, encoder: str) -> str:
    """Name the head with the highest held-out AUC for an encoder's space; ConfigError if there is none."""
    heads = list_trained(engine, "fusion", space)
    if not heads:
        raise ConfigError(
            f"score.fusion: best, but there is no head for {encoder}: make one with `pairsift train-fusion`"
        )
    return max(heads, key=lambda head: float(head.metrics["auc_swapped"])).name
