"""Reading a policy's folder: `policy.toml`, `neutral.toml` and one TOML file per concept. All its faults, told at once.

`neutral.toml` groups its texts as its keepers like: each key holds a list. Other files of the folder are passed over.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from carlos_tasks.calibration.null import MIN_NULL
from carlos_tasks.embedding.image_files import find_pictures, open_picture
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.policies.faults import Fault, told_by_field
from carlos_tasks.policies.policy import Policy, concept_of, effect_words_of
from carlos_tasks.policies.schema import HEAD, NEUTRAL, ConceptFile, PolicyHead, Texts
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.profiles.resources import local_path
from carlos_tasks.settings import Settings

_MAX_BYTES = 2**20
_Model = TypeVar("_Model", bound=BaseModel)
_NEUTRAL = TypeAdapter(dict[str, Texts])


def read_policy(folder: str) -> Policy:
    """Read a policy.

    Args:
        folder: a path, or `package:…` for one that ships.

    Raises:
        NotFound: there is no such folder.
        CarlosError: something in it is wrong; the message names file and field of the first fault, and counts the rest.
    """
    policy, faults = examine(folder)
    if policy is None:
        more = f" (and {len(faults) - 1} more: carlos concepts --check {folder} lists them)" if len(faults) > 1 else ""
        raise CarlosError(f"policy {folder}: {faults[0]}{more}")
    return policy


def policy_in_force(settings: Settings, profile: Profile) -> Policy:
    """The policy of the settings, or else of the profile. Raises as `read_policy`."""
    return read_policy(settings.policy or profile.policy)


def examine(folder: str) -> tuple[Policy | None, list[Fault]]:
    """Read a policy and tell all that is wrong with it: the policy where nothing is, and the faults in order of files.

    Raises:
        NotFound: there is no such folder.
    """
    top = local_path(folder)
    if not top.is_dir():
        raise NotFound(f"{folder} is no folder: a policy is a folder with {HEAD}, {NEUTRAL} and a file per concept")
    faults: list[Fault] = []
    head = _read(top / HEAD, PolicyHead, faults)
    neutral = _neutral_texts(top / NEUTRAL, faults)
    files = {
        path: _read(path, ConceptFile, faults)
        for path in sorted(top.glob("*.toml"))
        if path.name not in (HEAD, NEUTRAL)
    }
    if not files:
        faults.append(Fault(HEAD, "", "the policy has no concept: add a file for one, e.g. stripes.toml"))
    sound = {path: file for path, file in files.items() if file is not None}
    faults += _taken_ids(sound)
    pictures = {path: _pictures(top, path, file, faults) for path, file in sound.items()}
    if head is None or faults:
        return None, faults
    concepts = [concept_of(head, file, path.name, pictures[path]) for path, file in sound.items()]
    if head.effect_words:
        concepts.append(effect_words_of(head))
    return Policy(head, tuple(sorted(concepts, key=lambda concept: concept.concept_id)), neutral), []


def _read(path: Path, model: type[_Model], faults: list[Fault]) -> _Model | None:
    document = _document(path, faults)
    if document is None:
        return None
    try:
        return model.model_validate(document)
    except ValidationError as exc:
        faults += told_by_field(path.name, exc)
        return None


def _neutral_texts(path: Path, faults: list[Fault]) -> tuple[str, ...]:
    document = _document(path, faults)
    if document is None:
        return ()
    try:
        groups = _NEUTRAL.validate_python(document)
    except ValidationError as exc:
        faults += told_by_field(path.name, exc)
        return ()
    texts = tuple(dict.fromkeys(text for group in groups.values() for text in group))
    if len(texts) < MIN_NULL:
        faults.append(
            Fault(path.name, "", f"{len(texts)} neutral texts are too few to tell chance by: {MIN_NULL} or more")
        )
    return texts


def _document(path: Path, faults: list[Fault]) -> dict[str, Any] | None:
    try:
        if not path.is_file() and path.exists():
            raise ValueError("it is no file")  # to read a pipe is to wait for who writes it
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES // 2**20} MiB")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        faults.append(Fault(path.name, "", "is missing"))
    except OSError as exc:
        faults.append(Fault(path.name, "", f"cannot be read: {exc.strerror}"))
    except RecursionError:
        faults.append(Fault(path.name, "", "is no TOML: it is nested too deep"))
    except ValueError as exc:  # no TOML, or no UTF-8
        faults.append(Fault(path.name, "", f"is no TOML in UTF-8: {exc}"))
    return None


def _taken_ids(files: dict[Path, ConceptFile]) -> Iterator[Fault]:
    counts = Counter(file.concept_id for file in files.values())
    for path, file in files.items():
        if counts[file.concept_id] > 1:
            others = [
                other.name for other, same in files.items() if same.concept_id == file.concept_id and other != path
            ]
            yield Fault(path.name, "concept_id", f"{file.concept_id} is also that of {', '.join(others)}")


def _pictures_within(top: Path, folder: Path) -> list[Path]:
    """Pictures of a folder; what a policy is made of lies in its folder, not behind a link."""
    outside = CarlosError("lies outside of the policy's folder: put the pictures inside")
    if not folder.resolve().is_relative_to(top):
        raise outside
    found = find_pictures([folder])
    if not all(picture.resolve().is_relative_to(top) for picture in found):
        raise outside
    return found


def _pictures(top: Path, path: Path, file: ConceptFile, faults: list[Fault]) -> list[Path]:
    """The reference pictures of a concept, each opened once: what is broken is told before anything is scored."""
    if file.images is None:
        return []
    try:
        found = _pictures_within(top.resolve(), top / file.images.folder)
    except (CarlosError, OSError, RuntimeError) as exc:  # OSError: a name too long; RuntimeError: links in a circle
        faults.append(Fault(path.name, "images.folder", str(exc)))
        return []
    for picture in found:
        try:
            open_picture(picture)
        except CarlosError as exc:
            faults.append(Fault(path.name, "images.folder", str(exc)))
    return found
