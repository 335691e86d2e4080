from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from pairsift.models.feeding import (
    FIRST_BATCH,
    LARGEST_BATCH,
    WORTH_DOUBLING,
    BatchSize,
    PictureFeed,
    filled,
    find_batch_size,
)
from pairsift.models.replay import Replayed
from pairsift.models.towers import Pair

PICTURES = np.random.default_rng(6).integers(1, 256, (10, 4, 6, 3), dtype=np.uint8)


class Device:
    """A device of whose memory a picture takes one part of `memory`, and whose passes last as long as `seconds`."""

    def __init__(self, seconds: Callable[[int], float], memory: int = 10**9) -> None:
        self.seconds = seconds
        self.memory = memory
        self.tried: list[int] = []

    def seconds_of(self, size: int) -> float:
        self.tried.append(size)
        if size > self.memory:
            raise torch.OutOfMemoryError("no room")
        return self.seconds(size)

    def has_room(self) -> bool:
        return 2 * self.tried[-1] <= self.memory / 2


class Twice(nn.Module):
    """Gives its input, and twice that."""

    def forward(self, batch: torch.Tensor) -> Pair:
        return batch, 2 * batch


def test_a_batch_is_halved_down_to_one_and_no_further():
    batch = BatchSize(5)
    error = torch.OutOfMemoryError("no room")

    for expected in (2, 1):
        batch.halve(error)
        assert batch.size == expected
    with pytest.raises(torch.OutOfMemoryError, match="no room"):
        batch.halve(error)

    assert batch.size == 1


def test_doubles_a_batch_while_it_pays():
    device = Device(lambda size: 1.0 if size < 512 else size / 512)

    assert find_batch_size(device.seconds_of, device.has_room) == 512
    assert device.tried == [64, 128, 256, 512, 1024]


def test_takes_no_larger_batch_for_less_than_three_in_a_hundred():
    device = Device(lambda size: size / (100 if size < 128 else 102.9))

    assert find_batch_size(device.seconds_of, device.has_room) == FIRST_BATCH


def test_takes_a_larger_batch_for_exactly_three_in_a_hundred():
    device = Device(lambda size: size / (1 if size < 128 else WORTH_DOUBLING))

    assert find_batch_size(device.seconds_of, device.has_room) == 128


def test_stops_where_the_next_batch_would_take_more_than_its_share_of_memory():
    device = Device(lambda _: 1.0, memory=1024)

    assert find_batch_size(device.seconds_of, device.has_room) == 512
    assert device.tried == [64, 128, 256, 512]


def test_takes_the_last_batch_that_fitted():
    device = Device(lambda _: 1.0, memory=200)

    assert find_batch_size(device.seconds_of, lambda: True) == 128
    assert device.tried == [64, 128, 256]


def test_begins_with_the_first_batch_even_where_it_does_not_fit():
    device = Device(lambda _: 1.0, memory=3)

    assert find_batch_size(device.seconds_of, device.has_room) == FIRST_BATCH


def test_takes_no_more_than_the_largest_batch():
    device = Device(lambda _: 1.0)

    assert find_batch_size(device.seconds_of, device.has_room) == LARGEST_BATCH


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_batch_is_filled_with_black(count: int):
    batch = filled(PICTURES[:count], 4)

    assert batch.shape == (4, 4, 6, 3)
    np.testing.assert_array_equal(batch[:count].numpy(), PICTURES[:count])
    assert not batch[count:].any()


def test_a_feed_hands_out_any_pictures_on_a_cpu():
    feed = PictureFeed(PICTURES, torch.device("cpu"))

    feed.announce(3, 4)

    np.testing.assert_array_equal(feed.batch(0, 4).numpy(), PICTURES[:4])
    np.testing.assert_array_equal(feed.batch(8, 4).numpy(), filled(PICTURES[8:], 4).numpy())


def test_a_batch_is_a_copy():
    pictures = PICTURES.copy()

    PictureFeed(pictures, torch.device("cpu")).batch(0, 4).zero_()

    np.testing.assert_array_equal(pictures, PICTURES)


def test_on_a_cpu_a_replayed_network_is_the_network():
    batch = torch.arange(6.0)

    once, twice = Replayed(Twice())(batch)

    assert once is batch
    assert torch.equal(twice, 2 * batch)
