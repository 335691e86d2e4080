from pairsift.core.duplicates import exact_copies


def test_the_first_of_equal_uids_is_no_copy():
    assert exact_copies(["b", "a", "b", "c", "a", "b"]).tolist() == [False, False, True, False, True, True]


def test_nothing_has_no_copies():
    assert exact_copies([]).tolist() == []
