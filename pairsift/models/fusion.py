"""Cross-attention over tokens without trained weights: image tokens ask, caption tokens answer."""

import torch
from torch.nn import functional

HEADS = 8


def attend(queries: torch.Tensor, keys: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Let each query gather the keys like it: scaled dot-product attention in 8 heads that split d.

    `queries` (n, q, d) and `keys` (n, k, d) float; `valid` (n, k) bool is False on padding; the result is (n, q, d).
    The keys are the values too (Vaswani et al., 2017, section 3.2, with identity projections).
    """
    values = _split(keys)
    mixed = functional.scaled_dot_product_attention(
        _split(queries), values, values, attn_mask=valid[:, None, None, :].expand(-1, 1, queries.shape[1], -1)
    )
    return mixed.transpose(1, 2).flatten(2)


def fuse(image_tokens: torch.Tensor, caption_tokens: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Fuse image tokens (n, q, d) with caption tokens (n, k, d) into unit vectors (n, d).

    Attention, residual, layer norm without parameters, mean over the image tokens. Tokens are layer-normed before the
    attention too: between unit vectors every logit is below 1/√(d/8), and the softmax would be flat.
    """
    image, caption = _norm(image_tokens), _norm(caption_tokens)
    mixed = _norm(image + attend(image, caption, valid))
    return functional.normalize(mixed.mean(dim=1), dim=-1)


def _split(tokens: torch.Tensor) -> torch.Tensor:
    count, length, dim = tokens.shape
    return tokens.view(count, length, HEADS, dim // HEADS).transpose(1, 2)


def _norm(tokens: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(tokens, tokens.shape[-1:])
