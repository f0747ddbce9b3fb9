"""What the query vector of a text depends on besides the text: the encoder and the retrieval prompts.

Profiles that share both share a text space, and so their query vectors.
"""

import hashlib
import json

from carlos_tasks.profiles.profile import Profile


def text_space_id(profile: Profile) -> str:
    """The first 16 hex digits of the SHA-256 of the canonical JSON of encoder and prompt file."""
    content = {
        "encoder": profile.identity.encoder.model_dump(mode="json"),
        "prompts_sha256": profile.retrieval_prompts.sha256,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
