import pytest
from pydantic import ValidationError

from pairsift.core.training import TrainRequest


def test_learns_from_a_source_or_from_a_data_set():
    assert TrainRequest(name="a", source="shards").learnt_from == "shards"
    assert TrainRequest(name="a", dataset="cats").learnt_from == "data set cats"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "a"}, "give either a source to learn from, or the name of a data set"),
        ({"name": "a", "source": "s", "dataset": "d"}, "give either a source"),
        ({"name": "best", "source": "s"}, "best stands for the best of all heads"),
        ({"name": "none", "source": "s"}, "none stands for fusion without a head"),
        ({"name": "a", "source": "s", "augment": ["turn"]}, "'crop', 'flip', 'colour', 'blur', 'jpeg' or 'words'"),
        ({"name": "a", "source": "s", "views": 0}, "greater than or equal to 1"),
        ({"name": "../a", "source": "s"}, "pattern"),
        ({"name": "a", "source": "s", "form": "sum"}, "'tokens', 'concatenation' or 'single'"),
        ({"name": "a", "source": "s", "epochs": 0}, "greater than or equal to 1"),
    ],
)
def test_refuses_what_it_cannot_do(fields, why: str):
    with pytest.raises(ValidationError, match=why):
        TrainRequest(**fields)


def test_there_are_views_only_where_something_is_changed_in_them():
    assert TrainRequest(name="a", source="s", views=5).encoded_views == 0
    assert TrainRequest(name="a", source="s", views=5, augment=("words",)).encoded_views == 5
