"""Self-attention as open_clip's blocks do it, on rows as they lie in memory."""

from collections.abc import Sequence

import torch
from open_clip.transformer import ResidualAttentionBlock
from torch import nn
from torch.nn import functional


class RowwiseAttention(nn.Module):
    """Does what torch's MultiheadAttention does for self-attention, with its weights.

    Torch's own turns (rows, tokens, d) round before the projections, which become one small product a token: slower,
    and with bits that depend on how many rows there are.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.in_proj_weight, self.in_proj_bias = attention.in_proj_weight, attention.in_proj_bias
        self.out_proj = attention.out_proj
        self.heads = attention.num_heads

    def forward(
        self,
        rows: torch.Tensor,
        keys: torch.Tensor,  # noqa: ARG002 - the signature of what it stands for; keys and values are the rows
        values: torch.Tensor,  # noqa: ARG002 - as above
        need_weights: bool = False,  # noqa: ARG002 - its callers never need them
        attn_mask: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, None]:
        """Attend from rows (b, k, d) to themselves; a mask is (k, k), or (b · heads, k, k) with one a row and head."""
        count, length, dim = rows.shape
        if attn_mask is not None and attn_mask.ndim == 3:
            attn_mask = attn_mask.view(count, self.heads, length, length)
        query, key, value = (
            part.view(count, length, self.heads, dim // self.heads).transpose(1, 2) for part in self._project(rows)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask)
        return self.out_proj(mixed.transpose(1, 2).reshape(count, length, dim)), None

    def _project(self, rows: torch.Tensor) -> Sequence[torch.Tensor]:
        """Make queries, keys and values in one product, but for OpenVINO in three: it would copy the parts of one."""
        if not torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call] # torch's own gaps
            return functional.linear(rows, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        parts = zip(self.in_proj_weight.chunk(3), biases, strict=True)
        return [functional.linear(rows, weight, bias) for weight, bias in parts]


def attend_rowwise(net: nn.Module) -> None:
    """Replace, in place, the attention of a network's blocks that attend to themselves."""
    for block in net.modules():
        if isinstance(block, ResidualAttentionBlock) and not hasattr(block, "ln_1_kv"):
            attention = block.attn
            if isinstance(attention, nn.MultiheadAttention) and attention.in_proj_weight is not None:
                block.attn = RowwiseAttention(attention)
