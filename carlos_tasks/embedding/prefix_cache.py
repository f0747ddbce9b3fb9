"""Keys and values of texts that many other texts begin with, so that only what follows them is run.

In a causal tower a token's keys and values depend on nothing after it. Those of a prefix are therefore the same
whatever follows, and the features of "<prefix> <query>" cost the query's own tokens: of about 18 per prompt, 3.
Nothing is left out and nothing is approximated; only the order of some sums differs from open_clip's own.
"""

from collections.abc import Iterator
from typing import Any

from carlos_tasks.embedding.causal_tower import CausalTower
from carlos_tasks.embedding.tokens import Tokens

#: Tokens that are run together: their hidden layer stays within a few megabytes, which is also the fastest.
TOKENS_PER_STEP = 2048


class PrefixCache:
    """Keys and values of n prefixes in every block of a tower.

    Args:
        tower: the text tower.
        prefixes: tokens of the prefixes as whole texts; their end token is not part of the prefix.
        device: where the tower is.
    """

    def __init__(self, tower: CausalTower, prefixes: Tokens, device: str) -> None:
        import torch

        self._tower = tower
        self._device = device
        # Neighbours of one length waste no padding.
        self._order = torch.argsort(prefixes.lengths, stable=True)
        lengths = (prefixes.lengths - 1)[self._order]
        self._lengths = lengths.to(device)
        longest, width = int(lengths.max()), tower.positions.shape[1]
        shape = (len(tower.blocks), 2, len(lengths), tower.n_heads, longest, width // tower.n_heads)
        with torch.inference_mode():
            self._kept = torch.empty(shape, device=device)
            for rows, length in self._steps(longest):
                self._keep(rows, prefixes.ids[self._order[rows], :length].to(device))

    @staticmethod
    def size_bytes(tower: CausalTower, prefixes: Tokens) -> int:
        """Memory that the cache would take."""
        n_tokens = len(prefixes.lengths) * (int(prefixes.lengths.max()) - 1)
        return int(len(tower.blocks) * 2 * n_tokens * tower.positions.shape[1] * 4)

    def features(self, suffix: Any) -> Any:
        """Features of every prefix followed by one suffix.

        Args:
            suffix: int64 (t,), tokens after the prefix, the end token last.

        Returns:
            float32 (n, d) on the CPU, unnormalised, in the order of the prefixes.
        """
        import torch

        with torch.inference_mode():
            suffix = suffix.to(self._device)
            steps = [self._run(rows, length, suffix) for rows, length in self._steps(len(suffix))]
            features = torch.cat(steps).float().cpu()
            return torch.empty_like(features).index_copy_(0, self._order, features)

    def _steps(self, n_tokens: int) -> Iterator[tuple[slice, int]]:
        """Cut the prefixes into steps of some that are run together; yield them with their longest length."""
        size = max(1, TOKENS_PER_STEP // n_tokens)
        for start in range(0, len(self._lengths), size):
            rows = slice(start, start + size)
            yield rows, int(self._lengths[rows][-1])

    def _keep(self, rows: slice, ids: Any) -> None:
        """Run prefixes (n, longest) and keep their keys and values; those of padding are never read."""
        from torch.nn.functional import scaled_dot_product_attention

        x = self._tower.embedding(ids) + self._tower.positions[: ids.shape[1]]
        for block, kept in zip(self._tower.blocks, self._kept, strict=True):
            query, key, value = self._split(_projected(block, x))
            for place, new in zip(kept, (key, value), strict=True):
                place[rows, :, : ids.shape[1]] = new
            x = _after(block, x, scaled_dot_product_attention(query, key, value, is_causal=True))

    def _run(self, rows: slice, longest: int, suffix: Any) -> Any:
        """Run the suffix after some of the prefixes; return their features (n, d)."""
        import torch
        from torch.nn.functional import scaled_dot_product_attention

        lengths = self._lengths[rows]
        mask = _mask(lengths, longest, len(suffix))
        # Before the first attention a token knows its place only: prefixes of one length share that much.
        places, which = lengths.unique(return_inverse=True)
        at = places[:, None] + torch.arange(len(suffix), device=lengths.device)
        x = self._tower.embedding(suffix) + self._tower.positions[at]
        projected = _projected(self._tower.blocks[0], x)[which]
        x = x[which]
        last = len(self._tower.blocks) - 1
        for number, block in enumerate(self._tower.blocks):
            query, key, value = self._split(_projected(block, x) if number else projected)
            if number == last:  # nothing reads the others any more
                query, x, mask = query[:, :, -1:], x[:, -1:], mask[:, :, -1:]
            keys, values = (kept[rows, :, :longest] for kept in self._kept[number])
            attended = scaled_dot_product_attention(
                query, torch.cat([keys, key], 2), torch.cat([values, value], 2), attn_mask=mask
            )
            x = _after(block, x, attended)
        return self._tower.features(x[:, 0])

    def _split(self, projected: Any) -> list[Any]:
        """Queries, keys and values, each (n, heads, t, width of a head), of (n, t, 3 · width)."""
        n, t, _ = projected.shape
        return [part.reshape(n, t, self._tower.n_heads, -1).transpose(1, 2) for part in projected.chunk(3, -1)]


def _projected(block: Any, x: Any) -> Any:
    from torch.nn.functional import linear

    return linear(block.ln_1(x), block.attn.in_proj_weight, block.attn.in_proj_bias)


def _after(block: Any, x: Any, attended: Any) -> Any:
    """Return the block's output (n, t, width) from its input and what attention found, (n, heads, t, …)."""
    x = x + block.ls_1(block.attn.out_proj(attended.transpose(1, 2).flatten(2)))
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def _mask(lengths: Any, longest: int, t: int) -> Any:
    """Added to attention, (n, 1, t, longest + t): a token sees its prefix, without padding, and itself and before."""
    import torch

    sees_prefix = torch.arange(longest, device=lengths.device) < lengths[:, None]
    sees_suffix = torch.ones(t, t, dtype=torch.bool, device=lengths.device).tril()
    seen = torch.cat([sees_prefix[:, None].expand(-1, t, -1), sees_suffix.expand(len(lengths), -1, -1)], -1)
    return torch.zeros(seen.shape, device=lengths.device).masked_fill_(~seen, float("-inf"))[:, None]
