"""A GPU's global concurrency limit, on a real Prefect server."""

import asyncio
from collections.abc import Iterator

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError

from tasks.score import slot

NAME = "pairsift-gpu-0"


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One slot of a GPU that is named to this process."""
    monkeypatch.setenv("PAIRSIFT_GPU_LIMIT", NAME)

    async def create() -> None:
        async with get_client() as client:
            await client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=NAME, limit=1))

    async def delete() -> None:
        async with get_client() as client:
            await client.delete_global_concurrency_limit_by_name(NAME)

    asyncio.run(create())
    yield
    asyncio.run(delete())


def taken() -> int:
    """How many slots are taken."""

    async def read() -> int:
        async with get_client() as client:
            return (await client.read_global_concurrency_limit_by_name(NAME)).active_slots

    return asyncio.run(read())


def test_a_chunk_holds_the_gpu_s_slot_while_it_is_scored(limit: None):  # noqa: ARG001 - it is there
    with slot("cuda:0"):
        held = taken()

    assert (held, taken()) == (1, 0)


def test_a_chunk_on_a_cpu_needs_no_slot(limit: None):  # noqa: ARG001 - it is there
    with slot("cpu"):
        assert taken() == 0


def test_a_limit_that_the_server_does_not_know_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAIRSIFT_GPU_LIMIT", "not-created")

    with pytest.raises(ConcurrencySlotAcquisitionError, match="not-created"), slot("cuda:0"):
        pass
