"""Tables of any bytes: they cost their own rows, and never a run or the rows after them."""

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairsift.adapters.sources import read_partition
from pairsift.config import IngestConfig
from pairsift.core.ingesting import identify
from pairsift.core.records import Damage, ReadPair
from tests.adapters.reading import specs_of

CONFIG = IngestConfig(partition_pairs=7, source_columns=("n",))
SOUND = [f"sound {n}".encode() for n in range(3)]
MARKS = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"{",
    b"}",
    b"[",
    b"\\",
    b":",
]
WORDS = [b"a.jpg", b"../x,y,1", b'a.jpg,"x', b'x",2', b"null", b"9" * 50, b'{"path": ']
LINE = b'{"path": "\\ud800", "text": "\\udcff", "n": 1e999}'
PIECES = st.sampled_from([*MARKS, *WORDS, LINE])
JUNK = st.lists(st.one_of(PIECES, st.binary(max_size=8)), max_size=60).map(b"".join)


def read(name: str, table: bytes) -> tuple[list[ReadPair], int, int]:
    """Read a table of these bytes: its pairs, how many rows it lost, and how many its slices have."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(table)
        specs = specs_of(path, CONFIG)
        items = [item for spec in specs for item in read_partition(spec, CONFIG)]
    stops = [int(spec.members[0].partition(":")[2]) for spec in specs]
    pairs = [item for item in items if isinstance(item, ReadPair)]
    return pairs, sum(item.lost_pairs for item in items if isinstance(item, Damage)), max(stops, default=0)


@settings(max_examples=150, deadline=None)
@given(junk=JUNK)
@example(junk=b'a.jpg,"never closed')
@example(junk=b'\r"\r')
def test_any_bytes_in_a_csv_cost_no_sound_row_after_them(junk: bytes):
    sound = b"".join(b"a.jpg,%s,0\n" % caption for caption in SOUND)

    pairs, lost, rows = read("t.csv", b"path,text,n\n" + junk + b"\n" + sound)

    assert [item.caption for item in pairs][-3:] == SOUND
    assert len(pairs) + lost == rows
    assert len({identify(n, item, 100, {"n"}).ordinal for n, item in enumerate(pairs)}) == len(pairs)


@settings(max_examples=150, deadline=None)
@given(junk=JUNK)
@example(junk=b'{"path": "a", "path": {}, "n": [[]]}')
def test_any_bytes_in_json_lines_cost_no_sound_line_after_them(junk: bytes):
    first, *others = [b'{"path": "a.jpg", "text": "%s", "n": 0}\n' % caption for caption in SOUND]

    pairs, lost, rows = read("t.jsonl", first + junk + b"\n" + first + b"".join(others))

    assert [item.caption for item in pairs][-3:] == SOUND
    assert len(pairs) + lost == rows
    assert len({identify(n, item, 100, {"n"}).ordinal for n, item in enumerate(pairs)}) == len(pairs)
