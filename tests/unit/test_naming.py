import pytest

from pairsift.core.naming import dataset_name
from pairsift.errors import ConfigError


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("examples/sample/shards", "shards"),
        ("data/cc12m/{00000..00099}.tar", "cc12m"),
        ("s3://bucket/pairs/2026-11-01.tar", "2026-11-01"),
        ("s3://bucket/products/{date}/*.tar", "products"),
        ("s3://bucket/products/{date:%Y/%m/%d}/{00000..00003}.tar", "products"),
        ("products/{date:%Y}/{date:%m/%d}/", "products"),
        ("products/day={date}.tar", "products"),
        ("pairs/mine.tar.gz", "mine"),
        ("coco/annotations/captions_val2017.json", "captions_val2017"),
        ("data/pairs.v2.CSV", "pairs.v2"),
        ("@lists/mine.txt", "mine"),
        ("{date}/*.tar", None),
        ("s3://{date:%Y/%m/%d}", None),
        ("/data/my pairs/", "my-pairs"),
        ("./", None),
        ("*.tar", None),
    ],
)
def test_names_a_data_set_by_the_last_plain_path_part(source: str, name: str | None):
    if name is None:
        with pytest.raises(ConfigError, match="--dataset NAME"):
            dataset_name(source)
    else:
        assert dataset_name(source) == name
