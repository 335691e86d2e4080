import json
from pathlib import Path

import pytest

from pairsift.adapters.sources import open_source, read_partition
from pairsift.config import IngestConfig
from pairsift.core.records import ReadPair
from pairsift.errors import ContainerDamagedError, SourceError
from tests.adapters.reading import facts, images_again, read_all, specs_of

IMAGES: list[object] = [{"id": 1, "file_name": "000001.jpg"}, {"id": 2, "file_name": "000002.jpg"}]
ANNOTATIONS: list[object] = [
    {"id": 11, "image_id": 1, "caption": "a cat"},
    {"id": 12, "image_id": 2, "caption": "a dog"},
    {"id": 13, "image_id": 1, "caption": "the same cat"},
]
TWO = IngestConfig(partition_pairs=2)


def write(path: Path, annotations: list[object] = ANNOTATIONS, images: list[object] = IMAGES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    """COCO's own layout: the images lie beside the annotations, by split."""
    for n in (1, 2):
        (tmp_path / "train2017").mkdir(exist_ok=True)
        (tmp_path / f"train2017/00000{n}.jpg").write_bytes(b"picture %d" % n)
    return write(tmp_path / "annotations/captions_train2017.json")


def test_every_caption_is_a_pair_and_several_share_an_image(captions: Path):
    pairs, damages = read_all(captions)

    assert damages == []
    assert facts(pairs) == [
        ("11", b"picture 1", b"a cat"),
        ("12", b"picture 2", b"a dog"),
        ("13", b"picture 1", b"the same cat"),
    ]
    assert images_again(pairs) == [item.image for item in pairs]
    assert [item.pair.source_uid for item in pairs] == ["11", "12", "13"]
    assert open_source(str(captions)).why == f"1 COCO captions file(s) named by {captions}"


def test_images_are_found_beside_the_file_or_where_the_config_says(tmp_path: Path, captions: Path):
    beside = write(tmp_path / "train2017/captions.json")
    elsewhere = write(tmp_path / "captions.json")

    assert [item.image for item in read_all(beside)[0]] == [item.image for item in read_all(captions)[0]]
    assert [item.image for item in read_all(elsewhere)[0]] == [None] * 3
    config = IngestConfig(image_root=str(tmp_path / "train2017"))
    assert [item.image for item in read_all(elsewhere, config)[0]] == [item.image for item in read_all(captions)[0]]


def test_annotations_that_come_later_make_slices_of_their_own_wherever_they_stand(captions: Path):
    before = specs_of(captions, TWO)
    later = [{"id": 14, "image_id": 2, "caption": "new"}, *ANNOTATIONS[1:]]

    after = specs_of(write(captions, later), TWO, {spec.key: spec.members for spec in before})

    assert [spec.members for spec in after] == [("11", "12"), ("13",), ("14",)]
    assert after[1].input_fingerprint == before[1].input_fingerprint
    assert after[0].input_fingerprint != before[0].input_fingerprint
    assert [item.pair.key for spec in after for item in read_partition(spec) if isinstance(item, ReadPair)] == [
        "12",
        "13",
        "14",
    ]


@pytest.mark.parametrize(
    ("annotation", "key", "image", "caption"),
    [
        ({"id": 9, "image_id": 7, "caption": "no such image"}, "9", None, b"no such image"),
        ({"id": 9, "caption": "no image"}, "9", None, b"no image"),
        ({"id": 9, "image_id": 1}, "9", b"picture 1", None),
        ({"id": 9, "image_id": 1, "caption": ["x"]}, "9", b"picture 1", None),
        ({"id": [], "image_id": 1, "caption": "x"}, "annotation 3", b"picture 1", b"x"),
        ({"id": 11, "image_id": 2, "caption": "id again"}, "11 (3)", b"picture 2", b"id again"),
        ({"id": 9, "image_id": [], "caption": "x"}, "9", None, b"x"),
        ("no object", "annotation 3", None, None),
        ({"id": "a\0b", "image_id": 1, "caption": "x\ud800"}, "a\\x00b", b"picture 1", b"x\xed\xa0\x80"),
    ],
)
def test_a_broken_annotation_costs_itself(
    captions: Path, annotation: object, key: str, image: bytes | None, caption: bytes | None
):
    pairs, damages = read_all(write(captions, [*ANNOTATIONS, annotation]))

    assert (len(pairs), damages) == (4, [])
    assert facts(pairs)[3] == (key, image, caption)


@pytest.mark.parametrize(
    "name", ["\ud800.jpg", "../annotations/captions_train2017.json", "http://h/1.jpg", "/etc/passwd"]
)
def test_an_image_elsewhere_costs_its_pairs(captions: Path, name: str):
    pairs, damages = read_all(write(captions, images=[{"id": 1, "file_name": name}, IMAGES[1]]))

    assert [item.pair.key for item in pairs] == ["12"]
    assert [damage.lost_pairs for damage in damages] == [1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not JSON"), ("[" * 100_000, "is not JSON"), ("[]", "holds no shards, tables"), ("", "is not JSON")],
)
def test_a_file_that_is_no_coco_is_told(captions: Path, text: str, message: str):
    captions.write_text(text)

    with pytest.raises(SourceError, match=message):
        specs_of(captions)


def test_a_file_that_is_broken_fails_alone(captions: Path):
    write(captions.with_name("captions_val.json"))
    specs = specs_of(captions.parent)
    captions.write_text('{"images": []}')

    assert [spec.key for spec in specs] == ["captions_train2017.json-slice-00000", "captions_val.json-slice-00000"]
    assert specs_of(captions.parent)[0].key == "captions_train2017.json-unreadable"
    with pytest.raises(ContainerDamagedError, match="is no COCO captions file"):
        list(read_partition(specs[0]))
