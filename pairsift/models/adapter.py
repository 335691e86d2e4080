"""The adapter of `conse` on a device: what `core.adapting` fits, applied to a batch."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from pairsift.core.adapting import Adapter
from pairsift.models.trained import Trained


@dataclass(frozen=True, slots=True)
class LinearAdapter:
    """From a classifier's features to caption space: `centre` (c,), `weights` (c, d), float32."""

    centre: torch.Tensor
    weights: torch.Tensor

    def __call__(self, features: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Add to unit vectors (n, d) what the features (n, c) say; see `core.adapting.Adapter.adapt`."""
        said = functional.normalize(features - self.centre, dim=-1) @ self.weights
        return functional.normalize(functional.normalize(said, dim=-1) + image, dim=-1)


def to_tensors(adapter: Adapter) -> dict[str, torch.Tensor]:
    """Give an adapter's numbers as its file has them."""
    return {
        "centre": torch.from_numpy(adapter.centre).float(),
        "weights": torch.from_numpy(adapter.weights).float(),
    }


def load_adapter(source: Trained, device: str) -> LinearAdapter:
    """Load an adapter onto a device."""
    tensors = {name: tensor.to(device) for name, tensor in source.tensors().items()}
    return LinearAdapter(tensors["centre"], tensors["weights"])
