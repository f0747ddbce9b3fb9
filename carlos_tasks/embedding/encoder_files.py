"""The files of an encoder: a folder, or a repository of the Hub at one commit."""

from pathlib import Path

from carlos_tasks.errors import PassingError, SettingsError
from carlos_tasks.profiles.profile import Encoder
from carlos_tasks.profiles.resources import model_folder

# What is read of a repository: configurations, tokenizers, weights. Nothing that would have to be unpickled.
_PATTERNS = ["*.json", "*.txt", "model.safetensors", "open_clip_model.safetensors"]


def encoder_folder(encoder: Encoder) -> Path:
    """Find the folder with the files of an encoder that has a revision; those of the Hub are fetched once.

    Raises:
        NotFound: there is no such folder.
        PassingError: the files are not on this machine and could not be fetched.
        ProfileMismatch: the folder's files are not those that the profile names.
        SettingsError: it has no revision.
    """
    if encoder.revision is None:
        raise SettingsError(f"the encoder {encoder.model} has no revision, and so no folder")
    name, commit = model_folder(encoder.model, encoder.revision)
    if commit is None:
        return Path(name)
    import httpx2
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=commit, allow_patterns=_PATTERNS))
    except (OSError, httpx2.HTTPError) as exc:
        raise not_loaded(encoder, exc) from exc


def not_loaded(encoder: Encoder, exc: Exception) -> PassingError:
    """What to say where weights are not on this machine and could not be fetched."""
    return PassingError(
        f"the encoder {encoder.model} could not be loaded; its weights are fetched once from the Hub, "
        f"or copied into HF_HUB_CACHE (without a network, HF_HUB_OFFLINE=1 says so at once): {exc}"
    )
