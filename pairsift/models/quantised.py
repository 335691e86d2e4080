"""Towers of an open_clip model in int8, as they lie in the storage: found, proven whole and identified."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pairsift.core.fingerprint import fingerprint
from pairsift.errors import ModelUnavailableError
from pairsift.models.files import digest_file
from pairsift.settings import Settings

INT8 = "int8"
MANIFEST = "shift.json"
"""Names the files and says how far scores shift by them; it is written last, so that what it names is there."""
TOWERS = ("image", "text")
FILES = tuple(f"{tower}.{part}" for tower in TOWERS for part in ("xml", "bin"))
Facts = Mapping[str, int | float | str]


@dataclass(frozen=True, slots=True)
class TextShape:
    """What an encoder must know of a text tower it has not built: vector length, longest caption, whether to cut."""

    dim: int
    length: int
    trimmable: bool


@dataclass(frozen=True, slots=True)
class Quantised:
    """Both towers of a model in int8: `folder` below the model's own, `digests` of FILES, `facts` of their check."""

    folder: Path
    digests: Mapping[str, str]
    shape: TextShape
    facts: Facts

    @property
    def fingerprint(self) -> str:
        """The towers' identity: what their files hold."""
        return fingerprint(dict(self.digests))

    def file(self, name: str) -> Path:
        """Tell where one of FILES lies."""
        return self.folder / name

    def manifest(self) -> str:
        """Write what MANIFEST holds."""
        said = {
            "folder": self.folder.name,
            "files": dict(self.digests),
            "shape": asdict(self.shape),
            "facts": dict(self.facts),
        }
        return json.dumps(said, indent=2, allow_nan=False) + "\n"


def folder_of(model_fingerprint: str) -> Path:
    """Tell where the storage keeps what was made of a model."""
    return Settings().storage.absolute() / "models" / model_fingerprint


def find_quantised(model_fingerprint: str, encoder: str) -> Quantised:
    """Find the int8 towers of a model; ModelUnavailableError names the command that makes them."""
    openvino_version()
    folder = folder_of(model_fingerprint)
    make = f"make them with: pairsift quantise SOURCE --encoder {encoder}"
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelUnavailableError(
            f"{encoder} has no int8 towers in {folder} ({error.strerror}), since their shift must be measured on your "
            f"own pairs first; {make}"
        ) from error
    found = Quantised(folder / said["folder"], said["files"], TextShape(**said["shape"]), said["facts"])
    for name, digest in found.digests.items():
        if digest_file(found.file(name)) != digest:
            raise ModelUnavailableError(f"{found.file(name)} is not what was measured, it has changed; {make}")
    return found


def openvino_version() -> str:
    """Tell which OpenVINO computes; ModelUnavailableError if there is none."""
    try:
        return version("openvino")
    except PackageNotFoundError as error:
        raise ModelUnavailableError("int8 is computed by OpenVINO: pip install 'pairsift[openvino]'") from error


def report_nothing() -> None:
    """Keep OpenVINO and NNCF from reporting to Google Analytics; to be called before they are imported.

    They do so unless asked not to, and write an id into the home folder. Without this module both have a stub for it.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # None is Python's word for: not there
