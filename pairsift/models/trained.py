"""What was trained for an encoder, as it lies in the storage: a safetensors file that says what it is for."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from pairsift.errors import ConfigError, ModelUnavailableError
from pairsift.models.files import digest_file
from pairsift.models.scores import ModelCard
from pairsift.settings import Settings

Kind = Literal["adapter", "fusion"]
Facts = Mapping[str, int | float | str]
COMMANDS: Mapping[Kind, str] = {"adapter": "pairsift adapt", "fusion": "pairsift train-fusion"}
"""What makes a file of each kind."""

_SAID = "pairsift"
"""The only key of a file's metadata: safetensors writes several in no order, and bytes would differ."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Trained:
    """One trained file: `shape` is what it is built by, `facts` what it learnt from and how well it did."""

    kind: Kind
    name: str
    path: Path
    sha256: str
    shape: Mapping[str, Any]
    facts: Facts

    @property
    def card(self) -> ModelCard:
        """What the ledger says of it."""
        return ModelCard(f"{self.kind} {self.name}", self.sha256, self.facts)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Read its weights."""
        return safetensors.torch.load_file(self.path)


def trained_uri(kind: Kind, name: str) -> str:
    """Tell where below the storage lies what has a name; ConfigError for a name that is none."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of an {kind}: take letters, digits, dots, hyphens and underscores")
    return f"models/{kind}/{name}.safetensors"


def save_trained(tensors: Mapping[str, torch.Tensor], said: Mapping[str, Any], path: Path) -> None:
    """Write weights with what is said of them (`space`, `encoder`, `shape`, `facts`), the same bytes every time."""
    text = json.dumps(said, sort_keys=True, allow_nan=False)
    safetensors.torch.save_file({name: part.contiguous() for name, part in tensors.items()}, path, {_SAID: text})


def find_trained(kind: Kind, name: str, space: str) -> Trained:
    """Find what has a name, for an encoder's space; ModelUnavailableError if it is not there or for another encoder."""
    path = Settings().storage.absolute() / trained_uri(kind, name)
    if not path.is_file():
        raise ModelUnavailableError(f"there is no {kind} {name!r} in {path.parent}: make it with `{COMMANDS[kind]}`")
    said = _read_said(path)
    if said["space"] != space:
        raise ModelUnavailableError(
            f"{kind} {name!r} was made for the encoder {said['encoder']} with other weights or of another kind "
            f"(its space is {said['space'][:12]}…, here it is {space[:12]}…): use that encoder, or make an {kind} for "
            f"this one with `{COMMANDS[kind]}`"
        )
    return Trained(kind, name, path, digest_file(path), said["shape"], said["facts"])


def _read_said(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            said: dict[str, Any] = json.loads((file.metadata() or {})[_SAID])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelUnavailableError(f"{path} is damaged or was not made by Pairsift: make it anew ({error})") from error
    return said
