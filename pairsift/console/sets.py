"""What a person sees of sets that policies name: what one was made of, and who goes by it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from pairsift.console import plain_line, tell_forgotten


def render_target(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say what a target set's name stands for now."""
    made_of = f"{told['pictures']} different pictures of {told['read']} read, {told['unreadable']} unreadable"
    policies = f"Policies with target: {{name: {told['name']}}}"
    return _named_set("target", told, [made_of], policies)


def render_evaluation_set(told: Mapping[str, Any]) -> list[RenderableType]:
    """Say what an evaluation set's name stands for now."""
    pictures = f"{told['pictures']} different pictures, {told['unreadable']} of them unreadable"
    captions = f"{told['captions']} different captions; {told['read']} pairs read"
    policies = f"Policies that name {told['name']} in decontaminate.against"
    return _named_set("evaluation_set", told, [pictures, captions], policies)


def _named_set(key: str, told: Mapping[str, Any], made_of: Sequence[str], policies: str) -> list[RenderableType]:
    """Say what the name stands for now and stood for before, what the set was made of, and which policies go by it."""
    kind = f"{key.removesuffix('_set').capitalize()} set"
    rows = [
        (kind, told[key]),
        ("Before", told["before"] or "–"),
        *zip(("Made of", ""), made_of, strict=False),
        ("Encoder", f"{told['encoder']}, {told['seconds']:.1f} s"),
    ]
    if told[key] == told["before"]:
        goes_by = "It is the one that the name stood for: nothing changes."
    else:
        goes_by = f"{policies} go by it, from the next run or decide on."
    lines = [f"{name:<{len(kind)}}   {value}" for name, value in rows]
    return [*map(plain_line, [*lines, "", goes_by]), *tell_forgotten(told["forgotten"])]
