"""What a fusion head learns from: tokens of both sides of many pairs and their views, encoded once, kept in a file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch.nn import functional

from pairsift.core.folds import group_alike
from pairsift.core.preprocessing import PreparedLesson
from pairsift.models.augmenting import Augmenting
from pairsift.models.fusion_training import Lessons
from pairsift.models.scores import Encoder, Sides

BLOCK = 64
"""Pairs that are encoded at a time."""
_HALVES = ("cells", "words")
"""Kept in float16: they are nearly all of what is kept."""
AS_THEY_CAME = Augmenting((), 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    sides: Sides
    image: torch.Tensor


def gather(
    encoder: Encoder,
    prepared: Iterator[PreparedLesson],
    path: Path,
    advance: Callable[[int], None],
    augmenting: Augmenting = AS_THEY_CAME,
) -> list[str]:
    """Encode pairs and their views block by block into a file of tokens; return the uids of the pairs.

    First come all pairs as they are, then all their first views, and so on. `advance` is told how many
    pairs are done. The file is whole or not there.
    """
    views: list[list[_Block]] = [[] for _ in range(1 + augmenting.views)]
    pairs: list[PreparedLesson] = []
    while block := [one for _, one in zip(range(BLOCK), prepared, strict=False)]:
        for number, blocks in enumerate(views):
            blocks.append(_encode(encoder, [augmenting.view(one, number) for one in block] if number else block))
        pairs += [_without_pixels(one) for one in block]
        advance(len(pairs))
    tensors = _join([block for blocks in views for block in blocks]) | {"groups": torch.from_numpy(_group(pairs))}
    temporary = path.with_suffix(".tmp")
    safetensors.torch.save_file(tensors, temporary)
    temporary.replace(path)
    return [one.uid for one in pairs]


def read_gathered(path: Path, device: str) -> Lessons:
    """Read a file of tokens onto a device."""
    tensors = safetensors.torch.load_file(path, device=device)
    sides = Sides(**{field.name: tensors[field.name] for field in fields(Sides)})
    return Lessons(sides, tensors["image"], tensors["groups"].cpu().numpy())


def _encode(encoder: Encoder, pairs: Sequence[PreparedLesson]) -> _Block:
    sides, image = encoder.sides(np.stack([one.pixels for one in pairs]), [one.caption for one in pairs])
    return _Block(_compact(sides), image.cpu())


def _without_pixels(lesson: PreparedLesson) -> PreparedLesson:
    return PreparedLesson(lesson.uid, lesson.image_sha256, np.empty((0, 0, 3), np.uint8), lesson.caption, lesson.hash)


def _group(pairs: Sequence[PreparedLesson]) -> np.ndarray:
    return group_alike([p.image_sha256 for p in pairs], [p.caption for p in pairs], [p.hash for p in pairs])


def _compact(sides: Sides) -> Sides:
    parts = {field.name: getattr(sides, field.name).cpu() for field in fields(Sides)}
    return Sides(**parts | {name: parts[name].half() for name in _HALVES})


def _join(blocks: Sequence[_Block]) -> dict[str, torch.Tensor]:
    """Join blocks, their captions padded to the longest."""
    longest = max((block.sides.words.shape[1] for block in blocks), default=0)
    joined = {"image": torch.cat([block.image for block in blocks])}
    for field in fields(Sides):
        parts = [getattr(block.sides, field.name) for block in blocks]
        if field.name == "words":
            parts = [functional.pad(part, (0, 0, 0, longest - part.shape[1])) for part in parts]
        elif field.name == "valid":
            parts = [functional.pad(part, (0, longest - part.shape[1])) for part in parts]
        joined[field.name] = torch.cat(parts).contiguous()
    return joined
