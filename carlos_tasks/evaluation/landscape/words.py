"""Words for a group of LoRAs, from the names and tags that their creators gave them.

Only LoRAs that their source rates PG or PG-13 throughout lend words, and a word must stand at two of them: pictures
with these words can be shown at work, and no list of bad words is needed.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from carlos_tasks.aliases import Row

N_WORDS = 3
# Bits of Civitai's nsfw_level: 1 is PG, 2 is PG-13; 4 (R) and above are left out, and so is what nobody rated.
_SAFE = frozenset({1, 2, 3})
_WORD = re.compile(r"[^\W\d_]{3,}")
# Words of the trade: they say of what kind a file is, or for which model, and nothing of what it does.
_TRADE = frozenset(
    word
    for words in (
        "lora loras locon lycoris checkpoint base model models version weights dev",
        "sdxl flux pony illustrious illu noobai animagine civitai com trigger triggers",
        "slider sliders style styles concept concepts the and for with from",
    )
    for word in words.split()
)


def words_of(lora: Row) -> frozenset[str]:
    """Words of a LoRA's names and tags; none where its source rates it above PG-13, or not at all."""
    if lora["nsfw_level"] not in _SAFE:
        return frozenset()
    texts = [*(lora["names"] or []), *(lora["tags"] or [])]
    return frozenset(word for text in texts for word in _WORD.findall(text.casefold())) - _TRADE


def describe_groups(loras: Sequence[Row], groups: Sequence[int]) -> dict[int, list[str]]:
    """The words that tell each group from the others: how common in the group, times how rare elsewhere (TF-IDF).

    Args:
        loras: rows with `names`, `tags`, `nsfw_level`.
        groups: the number of each LoRA's group.

    Returns:
        At most N_WORDS words by group, the most telling first; none where no word stands at two of its LoRAs.
    """
    told = [words_of(lora) for lora in loras]
    everywhere = Counter(word for words in told for word in words)
    found = {}
    for group in sorted(set(groups)):
        own = [words for words, number in zip(told, groups, strict=True) if number == group]
        counts = Counter(word for words in own for word in words)
        weights = {
            word: count / len(own) * math.log(1 + len(loras) / everywhere[word])
            for word, count in counts.items()
            if count >= 2
        }
        found[group] = sorted(weights, key=lambda word: (-weights[word], word))[:N_WORDS]
    return found
