"""Runs of the flow as the command starts them, and what they leave behind."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId, TaskRunFilter
from prefect.client.schemas.objects import FlowRun, TaskRun
from sqlalchemy import Engine, text

from pairsift.cli.running import execute
from pairsift.config import RunConfig, RunRequest, ScoreConfig
from pairsift.models.scores import Encoder, Scores

CHUNK_PAIRS = 4
Summary = dict[str, Any]


def run(source: Path, policy: Path | str = "default", **options: Any) -> Summary:
    """Run the flow over a source in this process; return its summary. `chunk_pairs` goes into the config."""
    chunk_pairs = options.pop("chunk_pairs", CHUNK_PAIRS)
    config = RunConfig(policy=str(policy), chunk_pairs=chunk_pairs, **options.pop("config", {}))
    return execute(RunRequest(source=str(source), config=config, **options), progress=False)


@dataclass
class EncoderCalls:
    """Stands where tasks load the encoder; `pairs` holds the size of every chunk that was scored."""

    load: Callable[[ScoreConfig], Encoder]
    pairs: list[int] = field(default_factory=list)

    def __call__(self, config: ScoreConfig) -> "EncoderCalls":
        self.encoder = self.load(config)
        self.english_only = self.encoder.english_only
        self.fingerprint = self.encoder.fingerprint
        return self

    def score(self, pixels: NDArray[np.uint8], image_of: NDArray[np.int64], captions: Sequence[str | None]) -> Scores:
        self.pairs.append(len(captions))
        return self.encoder.score(pixels, image_of, captions)


def files_of(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder, by its path in it, but those that a killed process had not finished."""
    files = (path for path in folder.rglob("[!.]*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def lineage(store: Engine, dataset: str = "%") -> list[tuple[Any, ...]]:
    """Read what is committed of every pair, but ids, times, places, runs and who measured; of one data set or all."""
    unstable = {"attempt", "flow_run_id", "run_id", "source_uri", "export_uri", "recalled"}
    unstable |= {"measured_dataset", "measured_partition", "measured_attempt"}
    query = text("SELECT * FROM pair_lineage WHERE dataset LIKE :dataset ORDER BY dataset, partition, key")
    with store.connect() as connection:
        rows = connection.execute(query, {"dataset": dataset}).mappings()
        return [tuple(value for name, value in row.items() if name not in unstable) for row in rows]


def verdicts(store: Engine) -> Counter[tuple[str, str | None]]:
    """Count the committed pairs by verdict and reason."""
    with store.connect() as connection:
        return Counter(connection.execute(text("SELECT verdict, reason FROM pair_lineage")).tuples())


def flow_runs(parent: str) -> list[FlowRun]:
    """Read a run's subflow runs from Prefect's server."""

    async def read() -> list[FlowRun]:
        async with get_client() as client:
            below = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[UUID(parent)]))
            return await client.read_flow_runs(flow_run_filter=below)

    return asyncio.run(read())


def task_runs(flow_run: UUID | str) -> list[TaskRun]:
    """Read a flow run's task runs from Prefect's server."""

    async def read() -> list[TaskRun]:
        async with get_client() as client:
            of_run = FlowRunFilter.model_validate({"id": {"any_": [str(flow_run)]}})
            return await client.read_task_runs(flow_run_filter=of_run, task_run_filter=TaskRunFilter())

    return asyncio.run(read())
