"""One repository of the Hugging Face Hub, read into listings: a listing is one weight file at one commit.

What the Hub says is as little trusted as any record: a card is text that its author wrote.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from carlos_tasks.sources.beside.adapter_config import SHARED, config_key, is_config_of
from carlos_tasks.sources.civitai import MAX_TAGS, MAX_WORD_CHARS, read_sha256
from carlos_tasks.sources.folder import FORMATS, MAX_PATH_CHARS, MODEL_ENDINGS
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.store.objects import checked_key
from carlos_tasks.untrusted.clean_json import clean_json_text
from carlos_tasks.untrusted.reasons import Reason
from carlos_tasks.untrusted.text import clean_line, clean_lines

SOURCE = "hub"
_REPO_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,95})?")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# PEFT saves an adapter for each part of a pipeline in a folder of that part's name, as diffusers does a whole part.
_NAMED_LORA = re.compile(r"lora|lycoris|locon|loha|lokr|adapter", re.IGNORECASE)
# Weights that lie beside a LoRA or in place of one, told by the names that diffusers, transformers and accelerate give.
_PIPELINE_PARTS = re.compile(
    r"(unet|vae|transformer|text_encoder|image_encoder|safety_checker|controlnet)(_\d+|_one|_two|_three)?"
)
_WHOLE_MODELS = re.compile(r"(model|pytorch_model|diffusion_pytorch_model|open_clip_pytorch_model)(\.[a-z0-9]+)?")
_TRAINING_STATES = re.compile(r"optimizer|scheduler|training_args|scaler|random_states_\d+|rng_state.*")
_SHARD_OF_A_MODEL = re.compile(r"-\d{5}-of-\d{5}$")


def read_repo(repo: object, where: str) -> Iterator[Listing | Rejection]:
    """Read one repository.

    Args:
        repo: what `hub.Hub` keeps of a repository: id, sha, cardData, siblings …
        where: the record's place, for a repository whose id cannot be read.
    """
    if not isinstance(repo, dict) or (repo_id := read_repo_id(repo.get("id"))) is None:
        yield _reject((where, "", ""), Reason.RECORD_INVALID, "not a repository with an id")
        return
    commit = repo.get("sha")
    if "fault" in repo or not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        detail = clean_line(repo.get("fault")) or "a repository without a commit"
        yield _reject((repo_id, "", ""), Reason.RECORD_INVALID, detail)
        return
    siblings = repo.get("siblings")
    files = [file for file in siblings if _is_weights(file)] if isinstance(siblings, list) else []
    if not files:
        yield _reject((repo_id, commit, ""), Reason.NO_FILES, "a repository without weights")
    for file in files:
        path = file["rfilename"]
        if not _is_usable(path):
            detail = "a path that is too long, leads away or has odd characters"
            yield _reject((repo_id, commit, clean_line(path)), Reason.RECORD_INVALID, detail)
        elif _is_companion(PurePosixPath(path)):
            yield _reject((repo_id, commit, path), Reason.NOT_A_MODEL_FILE, "named like a part of a whole model")
        else:
            yield _read_file(repo, repo_id, commit, file)


def read_repo_id(value: object) -> str | None:
    """Return a repository's id, or None for what is none."""
    return value if isinstance(value, str) and _REPO_ID.fullmatch(value) and ".." not in value else None


def _read_file(repo: dict[str, Any], repo_id: str, commit: str, file: dict[str, Any]) -> Listing:
    ending = PurePosixPath(file["rfilename"]).suffix.removeprefix(".")
    path, card, lfs = file["rfilename"], _object(repo.get("cardData")), _object(file.get("lfs"))
    size, license_name = lfs.get("size", file.get("size")), clean_line(card.get("license"), 100)
    prompt = clean_line(card.get("instance_prompt"), MAX_WORD_CHARS)
    return Listing(
        source=SOURCE,
        model_id=repo_id,
        version_id=commit,
        file_id=path,
        name=repo_id.rpartition("/")[2],
        creator=clean_line(repo.get("author") or repo_id.rpartition("/")[0]),
        tags=clean_lines(repo.get("tags"), MAX_TAGS),
        base_model_claimed=clean_line(_first(card.get("base_model"))),
        trained_words=(prompt,) if prompt else (),
        file_name=clean_line(PurePosixPath(path).name),
        file_format=FORMATS.get(ending.lower(), ending),
        size_bytes=size if type(size) is int and 0 <= size < 2**53 else None,
        sha256_claimed=read_sha256(lfs.get("sha256")),
        published_at=clean_line(repo.get("lastModified"), 40) or None,
        license={"license": license_name} if license_name else {},
        **_config_beside(repo, path),
        payload=clean_json_text({
            "model": {key: value for key, value in repo.items() if key not in {"siblings", "sha", "lastModified"}},
            "version": {"sha": commit, "lastModified": repo.get("lastModified")},
            "file": file,
        }),
    )  # fmt: skip


def _config_beside(repo: dict[str, Any], path: str) -> dict[str, Any]:
    """Tell where the configuration of a file lies: in its folder, at the same commit."""
    folder = path.rpartition("/")[0]
    names = (file.get("rfilename") for file in repo["siblings"] if isinstance(file, dict))
    keys = {name for name in names if isinstance(name, str) and name.rpartition("/")[0] == folder}
    config = config_key(path)
    if config not in keys or (is_its := is_config_of(path, keys)) is False:
        return {}
    return {"config_path": config} if is_its else {"stated_scale": SHARED}


def _is_weights(file: object) -> bool:
    name = file.get("rfilename") if isinstance(file, dict) else None
    return isinstance(name, str) and name.lower().endswith(MODEL_ENDINGS)


def _is_usable(path: str) -> bool:
    try:
        return len(checked_key(path)) <= MAX_PATH_CHARS and clean_line(path, MAX_PATH_CHARS) == path
    except ValueError:
        return False


def _is_companion(path: PurePosixPath) -> bool:
    if _SHARD_OF_A_MODEL.search(path.stem) is None and _NAMED_LORA.search(path.stem):
        return False
    return (
        any(_PIPELINE_PARTS.fullmatch(part) for part in path.parts[:-1])
        or _WHOLE_MODELS.fullmatch(path.stem) is not None
        or _TRAINING_STATES.fullmatch(path.stem) is not None
        or _SHARD_OF_A_MODEL.search(path.stem) is not None
    )


def _first(value: object) -> object:
    return next(iter(value), None) if isinstance(value, list) else value


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _reject(ids: tuple[str, str, str], reason: Reason, detail: str) -> Rejection:
    return Rejection(SOURCE, *ids, lora_id=None, reason=reason, detail=detail)
