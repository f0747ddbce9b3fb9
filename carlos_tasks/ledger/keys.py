"""Private keys: made, read from their file, and used; an Ed25519 key in a PEM file that nobody else can read.

The private key stays in its file and in the memory of the process: no log, error, report or lake has it.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from carlos_tasks.errors import CarlosError, NotFound, SettingsError

if TYPE_CHECKING:
    from carlos_tasks.settings import Settings

_LONGEST_FILE = 65_536


class Signer:
    """A private key that signs."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = key_id_of(self.public_key)

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature of some bytes, 64 bytes."""
        return self._private_key.sign(data)

    def __repr__(self) -> str:
        return f"Signer({self.key_id})"

    def __reduce__(self) -> str:
        raise TypeError("a private key is not copied anywhere")


def key_id_of(public_key: bytes) -> str:
    """How a public key (32 bytes) is named: the first 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:32]


def signer_of(settings: "Settings") -> Signer | None:
    """The deployment's key, where the setting CARLOS_SIGNING_KEY names its file; None: nothing is signed.

    Raises:
        SettingsError: the file is not there, cannot be read, or holds no such key.
    """
    if not settings.signing_key:
        return None
    try:
        return read_signer(Path(settings.signing_key))
    except CarlosError as exc:
        raise SettingsError(f"CARLOS_SIGNING_KEY: {exc}") from None


def read_signer(path: Path) -> Signer:
    """Read a private key.

    Raises:
        NotFound: there is no such file.
        CarlosError: it cannot be read, others can read it, or it holds no Ed25519 private key without a passphrase.
    """
    content = _read(path)
    if path.stat().st_mode & 0o077:
        raise CarlosError(f"others can read {path}: a private key is its owner's alone (chmod 600 {path})")
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError:
        raise CarlosError(f"{path} has a passphrase: a key that signs unattended has none") from None
    except (ValueError, UnsupportedAlgorithm):
        # Not chained: what a parser says may quote the file.
        raise CarlosError(f"{path} holds no private key in PEM: carlos keys new makes one") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise CarlosError(f"{path} holds a key of another kind: Ed25519 is needed, carlos keys new makes one")
    return Signer(key)


def read_public_key(path: Path) -> bytes:
    """Read a public key, 32 bytes.

    Raises:
        NotFound: there is no such file.
        CarlosError: it cannot be read, or holds no Ed25519 public key.
    """
    content = _read(path)
    if b"PRIVATE KEY" in content:
        raise CarlosError(f"{path} holds a private key: name the public one, which carlos keys new wrote beside it")
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise CarlosError(f"{path} holds no public key in PEM: name the .pub that carlos keys new wrote") from None
    if not isinstance(key, Ed25519PublicKey):
        raise CarlosError(f"{path} holds a key of another kind: Ed25519 is needed")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_pem(public_key: bytes) -> bytes:
    """A public key as its file holds it."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def make_key(path: Path) -> Signer:
    """Make a key: `path` holds the private part, readable by its owner alone, and `path`.pub the public one.

    Raises:
        CarlosError: one of the files is there already, or cannot be written.
    """
    if not path.name or path.is_dir():
        raise CarlosError(f"{path} is a folder: name the file that the private key goes to")
    private_key = Ed25519PrivateKey.generate()
    signer = Signer(private_key)
    public_path = path.with_name(f"{path.name}.pub")
    if public_path.exists():
        raise CarlosError(f"{public_path} is there already: name another file, keys are not written over")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public_path.write_bytes(public_pem(signer.public_key))
    except FileExistsError:
        raise CarlosError(f"{path} is there already: name another file, keys are not written over") from None
    except OSError as exc:
        raise CarlosError(f"cannot write {path}: {exc.strerror}") from exc
    return signer


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_FILE)
    except FileNotFoundError:
        raise NotFound(f"there is no key file {path}") from None
    except OSError as exc:
        raise CarlosError(f"cannot read the key file {path}: {exc.strerror}") from None
