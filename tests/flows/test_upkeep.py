"""The flows that need no source: reap and rerun-failed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.client.schemas.objects import State

from flows.reap import reap
from flows.rerun import rerun_failed
from pairsift.errors import ConfigError
from tests.flows.running import run


def ended(flow: Flow[..., Any], *arguments: Any) -> State[Any]:
    """Run a flow; give its state."""
    state: State[Any] = asyncio.run(flow(*arguments, return_state=True))  # type: ignore[arg-type] # a coroutine
    return state


def test_reaping_before_the_first_run_finds_nothing():
    assert ended(reap).is_completed()


def test_rerunning_a_data_set_that_is_not_there_names_the_nearest(source: Path, policy: Path):
    run(source, policy, dataset="cats", partitions=("c",))

    with pytest.raises(ConfigError, match="there is no data set 'cat': did you mean 'cats'"):
        ended(rerun_failed, "cat").result()


def test_rerunning_where_nothing_has_failed_does_nothing(source: Path, policy: Path):
    run(source, policy, partitions=("c",))

    assert ended(rerun_failed).message == "nothing has failed"
