"""The example of CONTRIBUTING does what it says."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pairsift.adapters.sources import FORMATS, catalog, open_source, read_partition
from pairsift.config import IngestConfig
from pairsift.core.records import Damage, ReadPair
from tests.adapters.reading import facts, images_again

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def flickr(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a module of the example, and list its format."""
    [example] = re.findall(
        r"^```python\n(.*?)^```$", CONTRIBUTING.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    module = ModuleType("flickr")
    monkeypatch.setitem(sys.modules, "flickr", module)  # where dataclasses look for it
    exec(compile(example, str(CONTRIBUTING), "exec"), module.__dict__)
    monkeypatch.setattr(catalog, "FORMATS", {**FORMATS, "flickr": module.FLICKR})
    return "flickr"


def test_the_source_of_the_example_reads_every_line_as_a_pair_or_as_damage(tmp_path: Path, flickr: str):
    (tmp_path / "1.jpg").write_bytes(b"picture")
    lines = [b"1.jpg#0\ta cat", b"1.jpg#1\tthe same cat", b"gone.jpg#0\tgone", b"no tab", b"../x.jpg#0\telsewhere"]
    (tmp_path / "flickr8k.token").write_bytes(b"\n".join(lines))

    source = open_source(str(tmp_path / "flickr8k.token"), flickr)  # type: ignore[arg-type]  # not among ours
    [spec] = source.partitions({}, IngestConfig())
    found = list(read_partition(spec))

    pairs = [item for item in found if isinstance(item, ReadPair)]
    assert facts(pairs) == [
        ("1.jpg#0", b"picture", b"a cat"),
        ("1.jpg#1", b"picture", b"the same cat"),
        ("gone.jpg#0", None, b"gone"),
    ]
    assert images_again(pairs) == [b"picture", b"picture", None]
    assert [item.lost_pairs for item in found if isinstance(item, Damage)] == [1, 1]
    assert source.why == f"1 Flickr8k caption file(s) named by {tmp_path}/flickr8k.token"
