import gzip

import pytest

from benchmarks.openclipart import caption_of

DRAWING = (
    "<svg><metadata><dc:title>{title}</dc:title><dc:subject>{keywords}</dc:subject>"
    "<dc:creator><dc:title>An Author</dc:title></dc:creator></metadata></svg>"
)


def drawing(title: str, *keywords: str) -> bytes:
    return DRAWING.format(title=title, keywords="".join(f"<rdf:li>{word}</rdf:li>" for word in keywords)).encode()


@pytest.mark.parametrize(
    ("title", "keywords", "folders", "caption"),
    [
        ("Bored dog", ("mammal", "hash", "dog"), ("mammals",), "Bored dog, mammal, mammals"),
        ("cherry_pie_01", ("food", ""), (), "cherry pie, food"),
        ("A &amp; B", ("two letters",), (), "A & B, two letters"),
        ("light bulb", (), (), None),
        ("Part of the Flat Icon Collection", ("computer", "action"), (), None),
        ("", ("computer", "action", "folder"), (), None),
    ],
)
def test_joins_title_keywords_and_folder_each_once(title, keywords, folders, caption):
    assert caption_of(drawing(title, *keywords), folders) == caption
    assert caption_of(gzip.compress(drawing(title, *keywords)), folders) == caption


def test_a_drawing_without_metadata_says_nothing():
    assert caption_of(b"<svg/>", ("animals",)) is None
