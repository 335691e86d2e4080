from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
import torch

from pairsift.models.device import turn

WAIT_S = 0.5


class Meeting:
    """Notes whether two threads are ever inside it at once."""

    def __init__(self) -> None:
        self._barrier = Barrier(2)
        self.took_place = False

    def attend(self, device: torch.device) -> None:
        with turn(device), suppress(BrokenBarrierError):
            self._barrier.wait(WAIT_S)
            self.took_place = True


@pytest.mark.parametrize(("device", "together"), [("cpu", True), ("cuda:0", False)])
def test_chunks_are_computed_together_on_a_cpu_and_one_by_one_on_cuda(device: str, together: bool):
    meeting = Meeting()

    with ThreadPoolExecutor(2) as lanes:
        for lane in [lanes.submit(meeting.attend, torch.device(device)) for _ in range(2)]:
            lane.result()

    assert meeting.took_place is together
