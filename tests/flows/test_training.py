"""A training as a flow: what it registers and shows, and that it goes on where it was stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from prefect.client.schemas.objects import State

from flows.train_fusion import train_fusion
from pairsift.adapters.store.trained import list_trained
from pairsift.config import RunConfig, ScoreConfig
from pairsift.core.training import TrainRequest
from pairsift.errors import ConfigError
from pairsift.models.fusion_training import Progress
from pairsift.models.head_fitting import Fitted, Fitting, fit_head
from tasks import workplace
from tasks.telling import Step, watched_by
from tests.flows.seen import artifacts
from tests.models.tiny_clips import write_clip
from tests.taken_down import take_down_here
from tests.tasks.shards import SAMPLE


class StoppedError(Exception):
    """Stands for whatever ends a training."""


@pytest.fixture
def asked(tmp_path: Path) -> TrainRequest:
    """Ask for two epochs on the sample with a view of each pair, by an encoder that takes milliseconds."""
    encoder = f"open_clip:{write_clip(tmp_path / 'models' / 'vit', 'vit')}"
    config = RunConfig(score=ScoreConfig(encoder=encoder, device="cpu", dtype="float32"))
    return TrainRequest(name="tiny", source=str(SAMPLE), epochs=2, augment=("crop", "words"), views=1, config=config)


def trained(request: TrainRequest, steps: list[Step]) -> State[Any]:
    with watched_by(steps.append):
        state: State[Any] = train_fusion(request, return_state=True)
    return state


def stopped_behind_the_first_epoch(fitting: Fitting, advance: Callable[[Progress], None]) -> Fitted:
    def stop(progress: Progress) -> None:
        advance(progress)
        raise StoppedError

    return fit_head(fitting, stop)


def test_a_training_that_was_stopped_goes_on_to_the_same_head_which_is_registered_and_shown(
    asked: TrainRequest, storage: Path, monkeypatch: pytest.MonkeyPatch
):
    take_down_here(1)
    before: list[Step] = []
    after: list[Step] = []
    with monkeypatch.context() as patch:
        patch.setattr("tasks.train.fit_head", stopped_behind_the_first_epoch)
        stopped = trained(asked, before)
    [checkpoint] = (storage / "training").glob("*/checkpoint.pt")
    assert stopped.is_failed()
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 1

    state = trained(asked, after)

    whole = trained(asked.model_copy(update={"name": "whole"}), []).result()
    outcome = state.result()
    assert outcome["curve"] == whole["curve"]
    assert outcome["forgotten"] == 1
    assert {step.what for step in before} == {"pairs encoded", "epochs"}
    assert [(step.what, step.done, step.most) for step in after] == [("epochs", 2, 2)]
    assert not list((storage / "training").iterdir())
    registered = {head.name: head for head in list_trained(workplace.store(), "fusion", outcome["space"])}
    assert registered["tiny"].data["augmented by"] == "crop, words"
    assert registered["tiny"].sha256 == outcome["sha256"]
    [shown] = artifacts(state.state_details.flow_run_id)
    assert f"| 2 | {outcome['curve'][1]['matching']:.3f} |" in str(shown.data)
    with pytest.raises(ConfigError, match="there is a fusion head 'tiny' already"):
        train_fusion(asked)
