"""Every key of the store: where each kind of object lies. A key follows from what the object is.

| prefix | what lies there | written by |
|---|---|---|
| `files/`, `quarantine/` | LoRA files that were let in; those that were refused | intake |
| `receipts/`, `intake/` | verdicts on files, what a source shard listed | intake |
| `sketches/` | what the weights of accepted files say, for the commit | intake |
| `polls/`, `polling/` | pages of a live source, and how far its poll is | sources |
| `plans/` | manifests of batches | nightly |
| `shards/`, `evidence/`, `outcomes/` | embeddings, kept images, how the attempt on a LoRA ended | worker |
| `damaged/` | shards and outcomes that were not what they should be, moved aside | commit, verification |
| `seals/` | hashes of the files in `lake/`, one object per commit | lake |
| `verification/` | how far a verification of the lake has come | verification |
| `copies/` | the copy that rankings in SQL read, and earlier ones for a day | lake |
| `restoring.json` | which backup is being restored there; gone when it is whole | care |
| `texts/`, `prompts/` | features of prompts, query vectors; prompt files that do not ship | retrieval, commit |
| `reports/`, `evaluation/` | reports by state of the lake, the contact sheet, evaluations | reports, evaluation |

What DuckLake itself writes lies in `lake/`, and its catalog names it; core.embedding_shard names what is in `shards/`.
"""

import hashlib
import json
import re
from collections.abc import Sequence

#: What the keys of everything that DuckLake writes begin with.
LAKE = "lake/"

#: What the keys of all shards begin with.
SHARDS = "shards/"

#: What the keys of all copies for rankings begin with.
COPIES = "copies/"

#: Stands in place of a lora_id for the images of the bare backbone.
BASELINE = "base"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_OUTCOME = re.compile(rf"outcomes/profile_id=({_ID.pattern})/lora_id=({_ID.pattern})\.json")
_SHARD = re.compile(rf"shards/profile_id=({_ID.pattern})/lora_id=({_ID.pattern})/(\d{{5}})\.parquet")
_OF_SNAPSHOT = re.compile(r"((?:reports|evaluation)/(?:[^/]+/)*snapshot_id=(\d{1,18})/)")


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


# Taking files in


def file_key(lora_id: str) -> str:
    """Where the bytes of an accepted LoRA lie."""
    return f"files/{lora_id}.safetensors"


def quarantine_prefix(lora_id: str) -> str:
    """What the keys of a refused file, and of the story of its refusal, begin with."""
    return f"quarantine/{lora_id}/"


def weight_sketch_key(version: int, lora_id: str) -> str:
    """Where the description of an accepted file's weights lies, made by some version of the arithmetic."""
    return f"sketches/version={version}/{lora_id}.json"


def verdict_key(state: Sequence[object]) -> str:
    """Where the verdict on a file lies; `state` is all that the verdict depends on, as JSON can hold it."""
    return f"receipts/{_digest(json.dumps(list(state)), 32)}.json"


def intake_key(source_uri: str, shard_key: str) -> str:
    """Where the intake file of one source shard lies: the same shard always gives the same key."""
    digest = _digest(f"{source_uri}\n{shard_key}", 16)
    return f"intake/{digest}.parquet"


def pages_prefix(source_uri: str) -> str:
    """What the keys of a live source's pages begin with."""
    return f"polls/{_digest(source_uri, 16)}/"


def polling_prefix(source_uri: str) -> str:
    """What the keys of a live source's poll begin with: what is known of it, and how far a poll has come."""
    return f"polling/{_digest(source_uri, 16)}/"


# Measuring LoRAs


def prompt_file_key(sha256: str) -> str:
    """Where a prompt file lies that profiles name by its hash."""
    return f"prompts/{sha256}.json"


def plan_prefix(plan_id: str) -> str:
    """What the keys of a plan's manifests begin with."""
    return f"plans/{plan_id}/"


def manifest_key(plan_id: str, number: int) -> str:
    """Where the manifest of a plan's batch lies; `number` counts its batches from 0."""
    return f"{plan_prefix(plan_id)}{number:04d}.json"


def shard_prefix(profile_id: str, lora_id: str) -> str:
    """What the keys of one LoRA's shards begin with.

    Raises:
        ValueError: one of the ids could name something else.
    """
    for value in (profile_id, lora_id):
        if not _ID.fullmatch(value):
            raise ValueError(f"not an id: {value!r}")
    return f"shards/profile_id={profile_id}/lora_id={lora_id}/"


def shard_key(profile_id: str, lora_id: str, number: int) -> str:
    """Where a LoRA's shard lies; `number` counts its shards from 0."""
    if not 0 <= number <= 99999:
        raise ValueError(f"not a shard number: {number}")
    return f"{shard_prefix(profile_id, lora_id)}{number:05d}.parquet"


#: A shard of no rows, of nobody: DuckDB does not read a view over files where there is none.
NO_SHARDS_KEY = f"{SHARDS}profile_id=none/lora_id={BASELINE}/none.parquet"


def parse_shard_key(key: str) -> tuple[str, str, int]:
    """Return (profile_id, lora_id, number) of a shard's key, or raise ValueError."""
    match = _SHARD.fullmatch(key)
    if not match:
        raise ValueError(f"not the key of a shard: {key!r}")
    return match[1], match[2], int(match[3])


def evidence_prefix(profile_id: str, lora_id: str) -> str:
    """What the keys of a LoRA's kept images begin with."""
    return f"evidence/profile_id={profile_id}/lora_id={lora_id}/"


def evidence_key(profile_id: str, lora_id: str, prompt_id: str, seed: int) -> str:
    """Where the kept image of one pair lies; a prompt id from a file of somebody else stays inside its folder."""
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", prompt_id)
    return f"{evidence_prefix(profile_id, lora_id)}{safe}-{seed}.webp"


def outcome_key(profile_id: str, lora_id: str) -> str:
    """Where the outcome of one LoRA lies."""
    return f"outcomes/profile_id={profile_id}/lora_id={lora_id}.json"


def parse_outcome_key(key: str) -> tuple[str, str]:
    """Return (profile_id, lora_id) of an outcome's key, or raise ValueError."""
    match = _OUTCOME.fullmatch(key)
    if not match:
        raise ValueError(f"not the key of an outcome: {key!r}")
    return match[1], match[2]


# Keeping it whole


def damaged_key(key: str, content_sha256: str) -> str:
    """Where an object that is not what it should be is kept; the same bytes from the same key lie there once."""
    return f"damaged/{content_sha256[:16]}/{key}"


SEALS_PREFIX = "seals/"


def seal_key(snapshot_id: int) -> str:
    """Where the hashes of the files lie that the lake has written up to a snapshot; keys sort as snapshots do."""
    return f"{SEALS_PREFIX}{snapshot_id:020d}.json"


#: What the keys of verifications that are under way begin with.
VERIFICATIONS = "verification/"


def copy_key(copy_id: str) -> str:
    """Where a copy for rankings lies. None is written over: DuckDB would read it by what it knows of the one before."""
    return f"{COPIES}{copy_id}.duckdb"


def verification_prefix(run: str) -> str:
    """What the keys of one verification of the lake begin with."""
    return f"{VERIFICATIONS}{run}/"


#: Says which backup is being restored to the store; gone when it is whole.
RESTORING_KEY = "restoring.json"


# Asking, and what people are told


def prompts_key(space: str) -> str:
    """Where the features of a text space's retrieval prompts lie."""
    return f"texts/text_space={space}/prompts.parquet"


def queries_prefix(space: str) -> str:
    """What the keys of a text space's query vectors begin with."""
    return f"texts/text_space={space}/queries/"


def query_key(space: str, text: str) -> str:
    """Where the query vector of a text, normalised, lies; the key tells nothing of the text."""
    return f"{queries_prefix(space)}{_digest(text, 32)}.parquet"


def reports_prefix(name: str, profile_id: str) -> str:
    """What the keys of a profile's reports of one name begin with."""
    return f"reports/{name}/profile_id={profile_id}/"


def report_prefix(name: str, profile_id: str, snapshot_id: int) -> str:
    """Where the report of a profile at a state of the lake lies."""
    return f"{reports_prefix(name, profile_id)}snapshot_id={snapshot_id}/"


def kept_reports_prefix() -> str:
    """What the keys of all reports begin with."""
    return "reports/"


def contact_sheets_prefix() -> str:
    """What the keys of all contact sheets begin with."""
    return f"{kept_reports_prefix()}contact-sheet-"


def contact_sheet_key(profile_id: str) -> str:
    """Where the newest contact sheet of a profile lies."""
    return f"{contact_sheets_prefix()}{profile_id}.png"


def evaluation_prefix(profile_id: str, snapshot_id: int) -> str:
    """Where the evaluation of a profile at a state of the lake lies."""
    return f"evaluation/profile_id={profile_id}/snapshot_id={snapshot_id}/"


#: What the keys begin with of all that is kept of a state of the lake.
OF_SNAPSHOTS = (kept_reports_prefix(), "evaluation/")


def snapshot_folder(key: str) -> tuple[str, int] | None:
    """The folder of a report or an evaluation that a key lies in, and its snapshot; None for any other key."""
    match = _OF_SNAPSHOT.match(key)
    return (match[1], int(match[2])) if match else None
