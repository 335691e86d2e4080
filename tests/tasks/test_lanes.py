from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import numpy as np
import pytest

from pairsift.adapters.scratch import PreparedPairs
from pairsift.config import ScoreConfig
from pairsift.core.records import Measurement
from pairsift.core.signals import MODEL_SIGNALS
from pairsift.models.scores import Scores
from tasks.score import measure

WAIT_S = 0.5


class MeetingEncoder:
    """Stands for an encoder: notes whether two calls are ever inside it at once, and measures nothing."""

    def __init__(self) -> None:
        self._meeting = Barrier(2)
        self.met = False
        self.english_only = True

    def score(self, pixels: Any, image_of: Any, captions: Sequence[str | None]) -> Scores:  # noqa: ARG002 - Encoder's
        with suppress(BrokenBarrierError):
            self._meeting.wait(WAIT_S)
            self.met = True
        absent = np.full((len(captions), 2), np.nan, np.float16)
        return Scores(absent, absent, absent, {name: np.full(len(captions), np.nan) for name in MODEL_SIGNALS})


@pytest.mark.parametrize(("device", "together"), [("cpu", True), ("cuda:0", False)])
def test_chunks_are_scored_together_on_a_cpu_and_one_by_one_on_cuda(
    monkeypatch: pytest.MonkeyPatch, device: str, together: bool
):
    encoder = MeetingEncoder()
    monkeypatch.setattr("tasks.score.load_encoder", lambda _: encoder)
    nothing = PreparedPairs(["0"], np.empty((0, 224, 224, 3), np.uint8), np.empty(0, np.int64), [None], [Measurement()])

    with ThreadPoolExecutor(2) as lanes:
        for lane in [lanes.submit(measure, ScoreConfig(device=device), nothing) for _ in range(2)]:
            lane.result()

    assert encoder.met is together
