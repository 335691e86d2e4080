import io
import os
from collections.abc import Callable
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsift.adapters.sources import files, identify_now, open_source, parquet_cells, read_bytes, read_partition
from pairsift.config import ColumnsConfig, IngestConfig
from pairsift.core.records import Location, ReadPair
from pairsift.errors import ContainerDamagedError, SourceChangedError, SourceError
from tests.adapters.reading import facts, images_again, read_all, specs_of

PICTURES = [f"picture {n}".encode() * 40 for n in range(10)]
HUGGING_FACE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write(path: Path, columns: dict[str, object], group: int = 4) -> Path:
    pq.write_table(
        pa.table(columns),
        path,
        row_group_size=group,
        write_page_checksum=True,
        compression="none",
        use_dictionary=False,
    )
    return path


def img2dataset(path: Path) -> Path:
    """As img2dataset writes it: one row a URL, failures too."""
    failed = 3
    return write(
        path,
        {
            "caption": [f"caption {n}" for n in range(10)],
            "url": [f"https://host/{n}.jpg" for n in range(10)],
            "key": [f"{n:09d}" for n in range(10)],
            "status": ["failed_to_download" if n == failed else "success" for n in range(10)],
            "similarity": [n / 10 for n in range(10)],
            "jpg": [None if n == failed else PICTURES[n] for n in range(10)],
        },
    )


def test_reads_the_images_in_img2dataset_s_parquet_and_passes_over_its_failures(tmp_path: Path):
    pairs, damages = read_all(img2dataset(tmp_path / "00000.parquet"))

    assert damages == []
    assert facts(pairs) == [(f"{n:09d}", PICTURES[n], f"caption {n}".encode()) for n in range(10) if n != 3]
    assert {item.pair.source_uid for item in pairs} == {item.pair.key for item in pairs}


def test_every_image_is_read_again_at_its_place_forwards_and_backwards(tmp_path: Path):
    path = img2dataset(tmp_path / "00000.parquet")
    pairs, _ = read_all(path)

    assert images_again(pairs) == [item.image for item in pairs]
    assert images_again(pairs[::-1]) == [item.image for item in pairs[::-1]]
    assert pairs[5].pair.image == Location(f"{path}#row_group=1&row=2&column=jpg", 0, len(PICTURES[6]))
    assert pairs[5].pair.caption is not None
    assert read_bytes(pairs[5].pair.caption) == b"caption 6"


@pytest.mark.parametrize("name", ["caf\udce9.parquet", "a#row_group=0&row=0&column=jpg.parquet", "a b%25#&?.parquet"])
def test_the_place_of_an_image_is_clear_whatever_the_file_is_called(tmp_path: Path, name: str):
    img2dataset(tmp_path / "0.parquet").rename(tmp_path / name)

    pairs, _ = read_all(tmp_path)

    assert images_again(pairs) == [PICTURES[n] for n in range(10) if n != 3]


def test_reads_hugging_face_s_image_struct(tmp_path: Path):
    images = pa.array([{"bytes": b"one", "path": "a/1.png"}, {"bytes": b"two", "path": None}, None], HUGGING_FACE)

    pairs, _ = read_all(write(tmp_path / "train-0.parquet", {"image": images, "text": ["a", "b", "c"]}))

    assert facts(pairs) == [("a/1.png", b"one", b"a"), ("1", b"two", b"b"), ("2", None, b"c")]
    assert images_again(pairs) == [b"one", b"two", None]


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())]
)
def test_reads_every_kind_of_binary_column(tmp_path: Path, kind: pa.DataType):
    images = pa.array([b"one", None, b"two"], pa.binary()).cast(kind)

    pairs, _ = read_all(write(tmp_path / "0.parquet", {"image_bytes": images, "TEXT": ["a", None, "c"]}))

    assert facts(pairs) == [("0", b"one", b"a"), ("1", None, None), ("2", b"two", b"c")]
    assert images_again(pairs) == [b"one", None, b"two"]


def test_a_caption_that_is_no_utf8_comes_as_its_bytes(tmp_path: Path):
    captions = pa.array([b"caf\xe9", b"ok"], pa.binary()).view(pa.string())

    pairs, _ = read_all(write(tmp_path / "0.parquet", {"jpg": [b"1", b"2"], "caption": captions}))

    assert [item.caption for item in pairs] == [b"caf\xe9", b"ok"]


def test_carries_the_columns_asked_for_as_numbers_and_words(tmp_path: Path):
    columns = {
        "jpg": [b"1", b"2"],
        "text": ["a", "b"],
        "SAMPLE_ID": [7.0, None],
        "half": pa.array([0.5, None], pa.float16()),
        "flag": [True, False],
        "word": ["x", "0.5"],
        "list": [[1], [2]],
    }
    config = IngestConfig(source_columns=("half", "flag", "word", "list", "none"))

    pairs, _ = read_all(write(tmp_path / "0.parquet", columns), config)

    assert [item.pair.source_uid for item in pairs] == ["7", None]
    assert [dict(item.fields) for item in pairs] == [
        {"half": 0.5, "flag": True, "word": "x", "list": None},
        {"half": None, "flag": False, "word": "0.5", "list": None},
    ]


def test_a_folder_of_parquet_files_has_a_partition_a_file(tmp_path: Path):
    for name in ("b/1.parquet", "a.PARQUET"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        img2dataset(tmp_path / name)

    source = open_source(str(tmp_path))

    assert [spec.key for spec in source.partitions({}, IngestConfig())] == ["a", "b%2F1"]
    assert (source.format, source.why) == ("parquet", f"2 Parquet file(s) with images under {tmp_path}")


def test_reads_parquet_behind_fsspec(tmp_path: Path):
    system = fsspec.filesystem("memory")
    system.pipe_file("/parquet/0.parquet", img2dataset(tmp_path / "0.parquet").read_bytes())

    pairs, _ = read_all("memory://parquet/*.parquet")

    assert images_again(pairs) == [item.image for item in pairs] == [PICTURES[n] for n in range(10) if n != 3]
    system.rm("/parquet", recursive=True)


def test_other_columns_or_another_file_are_another_input(tmp_path: Path):
    path = img2dataset(tmp_path / "0.parquet")
    [spec] = specs_of(path)
    by_url = IngestConfig(columns=ColumnsConfig(caption="url"))

    assert identify_now(spec) == spec.input_fingerprint
    assert identify_now(spec, by_url) == specs_of(path, by_url)[0].input_fingerprint != spec.input_fingerprint
    assert [item.caption for item in read_all(path, by_url)[0]][:1] == [b"https://host/0.jpg"]
    os.utime(path, ns=(1, 1))
    assert identify_now(spec) != spec.input_fingerprint


def flip(path: Path, wanted: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(wanted)] ^= 1
    path.write_bytes(data)


def test_a_flipped_byte_costs_the_rest_of_its_row_group(tmp_path: Path):
    path = img2dataset(tmp_path / "0.parquet")
    flip(path, PICTURES[5])

    pairs, [damage] = read_all(path)

    assert [item.pair.key[-1] for item in pairs] == list("01289")
    assert damage.lost_pairs == 4
    assert "row group 1 is damaged" in damage.message
    assert "checksum" in damage.message


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "no row is readable"),
        (lambda data: data[: len(data) // 2], "no row is readable"),
        (lambda _: b"", "no row is readable"),
        (lambda data: data[:-30] + b"\xff" * 22 + data[-8:], "no row is readable"),
        (lambda data: b"\xff" * (len(data) * 3 // 5) + data[len(data) * 3 // 5 :], "no pair is readable"),
    ],
)
def test_a_file_without_a_readable_row_fails_alone(tmp_path: Path, damage: Callable[[bytes], bytes], message: str):
    path = img2dataset(tmp_path / "0.parquet")
    other = img2dataset(tmp_path / "1.parquet")
    path.write_bytes(damage(path.read_bytes()))
    bad, good = specs_of(tmp_path)

    with pytest.raises(ContainerDamagedError, match=message):
        list(read_partition(bad))
    assert sum(isinstance(item, ReadPair) for item in read_partition(good)) == 9
    assert good.uri == str(other)


def test_a_file_whose_columns_are_of_other_types_fails_alone(tmp_path: Path):
    img2dataset(tmp_path / "0.parquet")
    write(tmp_path / "1.parquet", {"jpg": ["no", "bytes"], "caption": ["a", "b"]})
    write(tmp_path / "2.parquet", {"jpg": [b"x"], "caption": [7]})

    for spec in specs_of(tmp_path)[1:]:
        with pytest.raises(ContainerDamagedError, match="column"):
            list(read_partition(spec))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"jpg": [b"x"], "png": [b"x"], "text": ["a"]},
            "several image columns: jpg, png; name it as ingest.columns.image",
        ),
        ({"jpg": [b"x"], "text": ["a"], "CAPTION": ["a"]}, "several caption columns: text, CAPTION"),
        ({"jpg": [b"x"], "n": [1]}, r"no caption column; .* Seen: jpg \(bytes\), n \(other\)"),
        ({"uid": ["x"], "text": ["a"]}, "no image column"),
        ({"URL": ["http://h/x.jpg"], "TEXT": ["a"]}, "img2dataset --url_list .*--url_col URL --caption_col TEXT"),
    ],
)
def test_columns_that_are_not_clear_are_told_with_those_seen(tmp_path: Path, columns: dict[str, object], message: str):
    with pytest.raises(SourceError, match=message):
        specs_of(write(tmp_path / "0.parquet", columns))


def test_a_column_that_is_asked_for_and_not_there_is_told_with_the_nearest(tmp_path: Path):
    with pytest.raises(SourceError, match=r"no column 'captoin' .*did you mean 'caption'"):
        specs_of(img2dataset(tmp_path / "0.parquet"), IngestConfig(columns=ColumnsConfig(caption="captoin")))


def test_a_file_that_is_gone_has_changed(tmp_path: Path):
    [spec] = specs_of(img2dataset(tmp_path / "0.parquet"))
    pairs = [item for item in read_partition(spec) if isinstance(item, ReadPair)]
    (tmp_path / "0.parquet").unlink()

    with pytest.raises(SourceChangedError, match="is gone"):
        list(read_partition(spec))
    with pytest.raises(SourceChangedError, match="is gone"):
        images_again(pairs)


def test_a_footer_that_claims_too_many_rows_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    [spec] = specs_of(img2dataset(tmp_path / "0.parquet"))
    monkeypatch.setattr(parquet_cells, "MOST_ROWS_PER_BYTE", 1e-5)

    with pytest.raises(ContainerDamagedError, match="claims 10 rows in"):
        list(read_partition(spec))


class Failing(io.FileIO):
    """A file of which nothing comes after so many bytes, as of a network that is gone."""

    left = 2500

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size) or b""
        self.left -= len(data)
        if self.left < 0:
            raise TimeoutError("the network is gone")
        return data


def test_a_network_that_fails_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    [spec] = specs_of(img2dataset(tmp_path / "0.parquet"))
    monkeypatch.setattr(files, "open_stream", Failing)

    with pytest.raises(TimeoutError, match="the network is gone"):
        list(read_partition(spec))
