"""What the creator of a LoRA and its file say of it: claims, untrusted, read with care and repeated as claims."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.untrusted.text import clean_line

#: Tags that a report shows of one file.
MAX_TAGS = 30
_MAX_JSON_CHARS = 20 * 2**20
_MAX_COUNT = 2**53


def read_claims(con: duckdb.DuckDBPyConnection, lora_ids: Sequence[str]) -> dict[str, Row]:
    """Read what is claimed of some LoRAs.

    Returns:
        By lora_id: the columns of `sql/ask/reports/attributed_claims.sql` without `metadata`, and of it
        `training_tags` (`training_tags_of`) and `output_name`.
    """
    found = {}
    for row in rows(con, statement("ask/reports/attributed_claims"), {"lora_ids": list(lora_ids)}):
        metadata = _object(row.pop("metadata"))
        name = clean_line(metadata.get("ss_output_name"))
        found[row["lora_id"]] = row | {"output_name": name or None, "training_tags": training_tags_of(metadata)}
    return found


def training_tags_of(metadata: dict[str, Any]) -> list[Row]:
    """Tags of the training captions, as kohya's trainers count them (`ss_tag_frequency`): the MAX_TAGS most frequent.

    Args:
        metadata: the header's metadata; `ss_tag_frequency` in it is JSON as text, {folder: {tag: count}}. Whatever is
            not of that form is passed over.

    Returns:
        Rows of tag and count, over all folders, the most frequent first.
    """
    counts: Counter[str] = Counter()
    for tags in _object(metadata.get("ss_tag_frequency")).values():
        if isinstance(tags, dict):
            for tag, count in tags.items():
                if type(count) is int and 0 < count < _MAX_COUNT and (name := clean_line(tag)):
                    counts[name] += count
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"tag": tag, "count": count} for tag, count in order[:MAX_TAGS]]


def _object(value: Any) -> dict[str, Any]:
    """A JSON object, given as one or as text; empty where it is none."""
    if isinstance(value, str) and len(value) <= _MAX_JSON_CHARS:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
