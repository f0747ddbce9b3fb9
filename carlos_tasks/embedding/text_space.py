"""What the query vector of a text depends on besides the text: the encoder and the retrieval prompts.

Profiles that share both share a text space, and so their query vectors. The keys of what is kept of one stand here.
"""

import hashlib
import json

from carlos_tasks.profile import Profile


def text_space_id(profile: Profile) -> str:
    """The first 16 hex digits of the SHA-256 of the canonical JSON of encoder and prompt file."""
    content = {
        "encoder": profile.identity.encoder.model_dump(mode="json"),
        "prompts_sha256": profile.retrieval_prompts.sha256,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def prompts_key(space: str) -> str:
    """Where the features of a text space's retrieval prompts lie."""
    return f"texts/text_space={space}/prompts.parquet"


def queries_prefix(space: str) -> str:
    """What the keys of a text space's query vectors begin with."""
    return f"texts/text_space={space}/queries/"


def query_key(space: str, text: str) -> str:
    """Where the query vector of a text, normalised, lies; the key tells nothing of the text."""
    return f"{queries_prefix(space)}{hashlib.sha256(text.encode()).hexdigest()[:32]}.parquet"
