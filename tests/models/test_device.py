import pytest
import torch

from pairsift.config import ScoreConfig
from pairsift.errors import ModelUnavailableError
from pairsift.models.device import resolve, torch_dtype


def test_leaves_no_auto_behind():
    resolved = resolve(ScoreConfig())

    assert "auto" not in {resolved.device, resolved.dtype, resolved.batch_size}


def test_resolving_twice_changes_nothing():
    once = resolve(ScoreConfig())

    assert resolve(once) == once


def test_keeps_what_was_asked_for():
    asked = ScoreConfig(device="cpu", dtype="bfloat16", batch_size=3)

    assert resolve(asked) == asked
    assert torch_dtype(asked) is torch.bfloat16


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True}, "bfloat16"),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, "float32"),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, "bfloat16"),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": False}, "float32"),
        ({"architecture": "aarch64"}, "float32"),
    ],
)
def test_takes_bfloat16_where_it_is_the_faster(capabilities: dict[str, object], dtype: str, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)

    assert resolve(ScoreConfig(device="cpu")).dtype == dtype


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta"])
def test_refuses_a_device_that_is_not_there(device: str):
    with pytest.raises(ModelUnavailableError, match=device):
        resolve(ScoreConfig(device=device))


def test_models_that_run_elsewhere_take_a_named_device_at_its_word():
    resolved = resolve(ScoreConfig(device="cuda"), elsewhere=True)

    assert (resolved.device, resolved.dtype, resolved.batch_size) == ("cuda", "bfloat16", 256)


def test_models_that_run_elsewhere_are_no_excuse_for_an_unknown_device():
    with pytest.raises(ModelUnavailableError, match="gpu"):
        resolve(ScoreConfig(device="gpu"), elsewhere=True)
