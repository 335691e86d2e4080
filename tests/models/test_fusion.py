import torch
from torch.nn import functional

from pairsift.models.fusion import attend, fuse


def tokens(seed: int, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(1, count, 64, generator=generator), dim=-1)


ALL = torch.ones(1, 5, dtype=torch.bool)


def test_another_image_makes_another_vector():
    caption = tokens(0, 5)

    assert torch.cosine_similarity(fuse(tokens(1, 49), caption, ALL), fuse(tokens(2, 49), caption, ALL)).item() < 0.9


def test_another_caption_makes_another_vector():
    image = tokens(0, 49)

    assert torch.cosine_similarity(fuse(image, tokens(1, 5), ALL), fuse(image, tokens(2, 5), ALL)).item() < 0.9


def test_attention_over_one_pooled_vector_ignores_the_image():
    """The reference method's fusion: with one key the softmax is 1, whatever the query asks."""
    caption, one = tokens(0, 1), torch.ones(1, 1, dtype=torch.bool)

    torch.testing.assert_close(attend(tokens(1, 1), caption, one), attend(tokens(2, 1), caption, one))


def test_attention_over_tokens_depends_on_the_image():
    caption = tokens(0, 5) * 8

    assert not torch.allclose(attend(tokens(1, 1) * 8, caption, ALL), attend(tokens(2, 1) * 8, caption, ALL), atol=0.01)


def test_padding_changes_nothing():
    image, caption = tokens(0, 49), tokens(1, 5)
    padded = torch.cat([caption, tokens(2, 3)], dim=1)
    valid = torch.tensor([[True] * 5 + [False] * 3])

    torch.testing.assert_close(fuse(image, padded, valid), fuse(image, caption, ALL))


def test_vectors_have_unit_length():
    torch.testing.assert_close(fuse(tokens(0, 49), tokens(1, 5), ALL).norm(dim=-1), torch.ones(1))


def test_attends_in_eight_heads_each_by_its_own_part():
    """A query that is zero outside the first head's eight components asks evenly in the others."""
    query, caption = torch.zeros(1, 1, 64), tokens(0, 5)
    query[..., :8] = 100 * caption[:, 2, :8] / caption[:, 2, :8].norm()

    mixed = attend(query, caption, ALL)

    torch.testing.assert_close(mixed[0, 0, 8:], caption[0, :, 8:].mean(dim=0))
    assert not torch.allclose(mixed[0, 0, :8], caption[0, :, :8].mean(dim=0), atol=0.01)
