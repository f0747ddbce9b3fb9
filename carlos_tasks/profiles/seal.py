"""Write the digests of a profile's local files into the profile: `python -m carlos_tasks.profiles.seal micro`.

Part of `make microworld`, since new weights are a new profile. Everything else in the file stays as it is.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from carlos_tasks.profiles.profile import PROFILES_FOLDER
from carlos_tasks.profiles.resources import folder_digest, local_path


def seal(path: Path) -> str:
    """Update the digests in the profile at `path`; returns its text."""
    profile: dict[str, Any] = json.loads(path.read_text())
    identity = profile["identity"]
    for prompts in (identity["prompts"], profile["retrieval_prompts"]):
        prompts["sha256"] = hashlib.sha256(local_path(prompts["uri"]).read_bytes()).hexdigest()
    backbone, encoder = identity["backbone"], identity["encoder"]
    if not backbone["uri"].startswith("hub:"):
        backbone["revision"] = folder_digest(local_path(backbone["uri"]))
    if "revision" in encoder and not encoder["model"].startswith("hub:"):
        encoder["revision"] = folder_digest(local_path(encoder["model"]))
    text = json.dumps(profile, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text)
    return text


if __name__ == "__main__":
    for name in sys.argv[1:]:
        seal(PROFILES_FOLDER / f"{name}.json")
