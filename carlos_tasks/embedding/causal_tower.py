"""The parts of a causal text tower of open_clip, for running it from the middle of a text (`prefix_cache`)."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CausalTower:
    """A text tower in which no token sees a later one, and whose feature is read at the end token.

    Attributes:
        embedding: of tokens, as a module.
        positions: float32 (context, width), added to it.
        blocks: residual attention blocks, first to last.
        ln_final: the norm after the last of them.
        projection: float32 (width, d), a linear module, or None.
        end_id: the end token; None where it is the token of the highest id.
    """

    embedding: Any
    positions: Any
    blocks: tuple[Any, ...]
    ln_final: Any
    projection: Any
    end_id: int | None

    @property
    def n_heads(self) -> int:
        """Heads of attention, the same in every block."""
        return int(self.blocks[0].attn.num_heads)

    def ends(self, ids: Any) -> Any:
        """Position of the token that the feature is read at: int64 (n,) of int64 (n, context)."""
        return ids.argmax(dim=1) if self.end_id is None else (ids == self.end_id).int().argmax(dim=1)

    def features(self, x: Any) -> Any:
        """Features (n, d) of the last block's output at the end token, (n, width)."""
        x = self.ln_final(x)
        if self.projection is None:
            return x
        return x @ self.projection if not callable(self.projection) else self.projection(x)


def causal_tower(model: Any) -> CausalTower | None:
    """Return the causal text tower of an open_clip model; None where its text tower is of another kind.

    Another kind is, for one: SigLIP (every token sees every other), CoCa (a class token at the end of the context),
    a tower of transformers, or a block that is not open_clip's plain one.
    """
    import torch
    from open_clip.model import CLIP, CustomTextCLIP
    from open_clip.transformer import ResidualAttentionBlock, TextTransformer, Transformer

    if type(model) is CLIP:
        tower, pool_type, end_id = model, model.text_pool_type, model.text_eos_id
    elif type(model) is CustomTextCLIP and type(model.text) is TextTransformer and model.text.cls_emb is None:
        tower = model.text
        pool_type, end_id = tower.pool_type, tower.eos_id
    else:
        return None
    mask = tower.attn_mask
    is_causal = mask is not None and torch.equal(mask, torch.full_like(mask, float("-inf")).triu(1))
    is_plain = type(tower.transformer) is Transformer and all(
        type(block) is ResidualAttentionBlock and _is_plain(block.attn) and not hasattr(block, "ln_1_kv")
        for block in tower.transformer.resblocks
    )
    if not (is_causal and is_plain and pool_type in ("argmax", "eos")):
        return None
    return CausalTower(
        embedding=tower.token_embedding,
        positions=tower.positional_embedding,
        blocks=tuple(tower.transformer.resblocks),
        ln_final=tower.ln_final,
        projection=tower.text_projection,
        end_id=None if pool_type == "argmax" else int(end_id),
    )


def _is_plain(attention: Any) -> bool:
    """Tell whether keys, values and queries come of one float32 matrix and nothing is added to them."""
    import torch

    weight = attention.in_proj_weight
    return weight is not None and weight.dtype is torch.float32 and attention.bias_k is None
