"""Fusion heads with random weights, as files of a storage."""

from pathlib import Path

import torch

from pairsift.models.fusion_heads import FusionHead, HeadShape, shape_of
from pairsift.models.trained import save_trained, trained_uri


def keep_head(storage: Path, name: str, space: str, shape: HeadShape) -> FusionHead:
    """Write a head under a name, for an encoder's space."""
    torch.manual_seed(0)
    head = FusionHead(shape)
    path = storage / trained_uri("fusion", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_trained(head.state_dict(), {"space": space, "encoder": "e", "shape": shape_of(head), "facts": {}}, path)
    return head.eval()
