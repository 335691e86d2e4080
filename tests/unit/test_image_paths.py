import pytest

from pairsift.core.image_paths import RefusedPathError, path_below


@pytest.mark.parametrize(
    ("name", "below"),
    [
        ("a.jpg", "a.jpg"),
        ("./a//b.jpg", "a/b.jpg"),
        ("x/../a.jpg", "a.jpg"),
        ("..a/b..jpg", "..a/b..jpg"),
        ("a:b.jpg", "a:b.jpg"),
        ("C:\\a.jpg", "C:\\a.jpg"),
        ("\udcff.jpg", "\udcff.jpg"),
        ("dated/a.jpg", "dated/a.jpg"),
        ("/data/set/a.jpg", "a.jpg"),
        ("/data/set/../set/b/a.jpg", "b/a.jpg"),
    ],
)
def test_a_path_below_the_folder_is_followed(name: str, below: str):
    assert path_below(name, "/data/set") == below


@pytest.mark.parametrize(
    "name",
    [
        "/data/settled/a.jpg", "/etc/passwd", "//etc/passwd", "../a.jpg", "x/../../a.jpg", "..", ".", "", "a/..",
        "/data/set",
        "http://h/a.jpg", "HTTPS://h/a.jpg", "file:/etc/passwd", "file:///data/set/a.jpg", "data:image/png,x", "a::b", "s3://b/a",
        "a\0.jpg", "\ud800.jpg",
    ],
)  # fmt: skip
def test_any_other_path_is_refused(name: str):
    with pytest.raises(RefusedPathError):
        path_below(name, "/data/set")


@pytest.mark.parametrize("name", ["/a.jpg", "../a.jpg", "s3://bucket/set/a.jpg"])
def test_a_remote_folder_is_left_by_no_path(name: str):
    with pytest.raises(RefusedPathError):
        path_below(name, "")
