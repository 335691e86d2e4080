import io

from PIL import Image

from benchmarks.photo_pairs import LONG_SIDE_PX, photo_pairs, vary


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    first, again, other = (list(photo_pairs(2, seed)) for seed in (0, 0, 1))

    assert first == again
    assert first[0][1] != other[0][1]


def test_the_pairs_of_a_small_count_are_the_first_of_a_large_one():
    assert list(photo_pairs(3))[:2] == list(photo_pairs(2))


def test_a_picture_has_the_size_and_the_bits_of_a_photograph():
    _, image, _ = next(photo_pairs(1))
    picture = Image.open(io.BytesIO(image))

    assert picture.format == "JPEG"
    assert LONG_SIDE_PX[0] <= max(picture.size) <= LONG_SIDE_PX[1]
    assert 1.5 < 8 * len(image) / (picture.width * picture.height) < 5


def test_no_two_turns_give_a_caption_the_same_words():
    captions = [vary("A red bicycle by a wall.", turn) for turn in range(60)]

    assert len(set(captions)) == 60
    assert captions[0] == "A red bicycle by a wall."
    assert captions[13] == "Here: A red bicycle by a wall today."
