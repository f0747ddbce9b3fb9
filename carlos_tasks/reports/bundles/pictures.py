"""Which pictures of LoRAs a report shows, and how they are cut out of it once a LoRA is taken down.

A page holds the pictures of one LoRA in blocks that name it (`templates/parts.html.j2`); text from outside is escaped,
so no name can make such a block. Files below `evidence/` are of the LoRA that their folder names.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from carlos_tasks.store.keys import BASELINE

EVIDENCE = "evidence/"
_BLOCK = re.compile(r'<div class="pairs" data-lora="([^"]*)">.*?</div>', re.DOTALL)
_EMPTY = re.compile(r'<p class="[^"]*pairs-none" data-lora="([^"]*)">[^<]*</p>')
_ANY_PICTURE = re.compile(r"data:image/(?:webp|png|jpeg|gif)")


def pictured(pictures: Mapping[str, Sequence[object]], paths: Iterable[str]) -> list[str]:
    """The LoRAs whose pictures a report shows, sorted.

    Args:
        pictures: those of its page, by lora_id.
        paths: of its other files.
    """
    in_files = {owner for path in paths if (owner := owner_of(path))}
    return sorted({lora_id for lora_id, pairs in pictures.items() if pairs} | in_files)


def owner_of(path: str) -> str | None:
    """The LoRA whose kept picture a file of a report is; None where it is none."""
    owner = path.removeprefix(EVIDENCE).partition("/")[0] if path.startswith(EVIDENCE) else ""
    return owner if owner and owner != BASELINE else None


def without_pictures(page: str, lora_ids: Collection[str] | None = None) -> str:
    """A page whose blocks of pictures are empty: those of some LoRAs, or of all (None), which makes pages comparable.

    Where pictures are shown, where none were kept, and where they were cut out, the block of a LoRA is the same then.
    """

    def emptied(block: re.Match[str]) -> str:
        if lora_ids is not None and block[1] not in lora_ids:
            return block[0]
        said = "It was taken down: its pictures are not shown."
        return f'<p class="muted small pairs-none" data-lora="{block[1]}">{said}</p>'

    page = _BLOCK.sub(emptied, page)
    return page if lora_ids is not None else _EMPTY.sub(emptied, page)


def has_pictures(page: str) -> bool:
    """Whether any picture stands in a page."""
    return _ANY_PICTURE.search(page) is not None
