"""The one tokenizer of the micro world, shared by the encoder and both text encoders of the backbone.

A byte-level BPE like CLIP's own. Its alphabet covers every byte, so no text has unknown tokens (CLIP would
read those as the end of the text), and every word that captions use is one token. The end-of-text token has
the highest id, because open_clip finds the end of a text by argmax.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from carlos_tasks.microworld.captions import vocabulary

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

CONTEXT = 24
"""Positions of every text tower, start and end included: prompt, query and trigger words together."""
START, END = "<|startoftext|>", "<|endoftext|>"


def learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent first, until every word is one token.

    The tokenizers library's own trainer breaks ties in an order that changes from run to run; here the pair that
    comes first in the alphabet wins.
    """
    spelled = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for symbols in spelled for pair in pairwise(symbols)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = [_merged(symbols, best) for symbols in spelled]
    return merges


def _merged(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    """The symbols with every occurrence of the pair joined, from the left."""
    joined: list[str] = []
    for symbol in symbols:
        # A symbol that came out of a join is longer than the pair's first half, so no symbol is joined twice.
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return joined


def train_tokenizer(folder: Path) -> None:
    """Write vocab.json, merges.txt and the configuration of a CLIPTokenizer into the folder."""
    from tokenizers.pre_tokenizers import ByteLevel

    merges = learn_merges(vocabulary())
    letters = sorted(ByteLevel.alphabet())
    entries = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges), START, END]
    folder.mkdir(parents=True, exist_ok=True)
    vocab = {token: number for number, token in enumerate(dict.fromkeys(entries))}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    configuration = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": CONTEXT,
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer that ``train_tokenizer`` wrote."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(folder)
