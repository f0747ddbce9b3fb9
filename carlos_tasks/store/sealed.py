"""Small JSON objects that one stage leaves for another, and that tell when they are not what was written.

An object carries a seal: the hash of its content and of its key. So one that is cut, changed anywhere, or lies under
the key of another is told from a whole one, and its reader treats it as absent: what wrote it writes it anew. A seal
finds damage, not forgery. Objects of an older version carry none, and are taken as they are.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from carlos_tasks.errors import PermanentError
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.untrusted.json_values import NotJson, parse

#: Nothing that is larger is read.
MAX_BYTES = 64 * 2**20
_SEAL = "seal"


def seal(key: str, content: Mapping[str, Any]) -> bytes:
    """Return an object with its seal, as JSON."""
    plain = json.loads(json.dumps(content))  # as it will be read: tuples are lists
    return json.dumps(plain | {_SEAL: _seal(key, plain)}, sort_keys=True).encode()


def unseal(key: str, data: bytes) -> dict[str, Any]:
    """Return the content of an object.

    Raises:
        PermanentError: it is not what was written under this key.
    """
    try:
        content = parse(data)
        if not isinstance(content, dict):
            raise PermanentError(f"{key} is broken: no JSON object")
        stated = content.pop(_SEAL, None)
        is_whole = stated is None or stated == _seal(key, content)
    except (NotJson, RecursionError) as exc:
        raise PermanentError(f"{key} is broken: {exc or 'nested too deeply'}") from exc
    if not is_whole:
        raise PermanentError(f"{key} is broken: it was changed, or is another object's")
    return content


def write_sealed(store: ObjectStore, key: str, content: Mapping[str, Any]) -> None:
    """Write an object with its seal."""
    store.write(key, seal(key, content))


def read_sealed(store: ObjectStore, key: str) -> dict[str, Any]:
    """Read an object.

    Raises:
        NotFound: it is not there.
        PermanentError: it is not what was written there.
        PassingError: the storage does not answer.
    """
    return unseal(key, store.read(key, at_most=MAX_BYTES))


def _seal(key: str, content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{key}\n{text}".encode()).hexdigest()
