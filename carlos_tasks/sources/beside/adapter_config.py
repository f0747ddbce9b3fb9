"""PEFT's `adapter_config.json`: which file of its folder it is for, and what it says of that one.

PEFT saves one adapter a folder, `adapter_model.safetensors` beside `adapter_config.json`. People rename the weights; so
of a folder with one LoRA it is for that. Of a folder with several it may be for any.
"""

from collections.abc import Callable, Collection
from pathlib import Path

from carlos_tasks.lora.backbones.claims import read_claim
from carlos_tasks.lora.scale.config import FILE_NAME, MAX_BYTES, state_config, state_fault
from carlos_tasks.sources.beside.levels import Level
from carlos_tasks.untrusted.json_values import parse_file
from carlos_tasks.untrusted.text import clean_line

WEIGHT_ENDINGS = (".safetensors", ".sft", ".zip")
_PEFT_STEM = "adapter_model"
SHARED = state_fault("lies beside several files, and does not say of which it is")


def config_key(key: str) -> str:
    """Return where the configuration of a file would lie."""
    folder = key.rpartition("/")[0]
    return f"{folder}/{FILE_NAME}" if folder else FILE_NAME


def is_config_of(key: str, keys: Collection[str]) -> bool | None:
    """Tell whether the configuration in a file's folder is for that file; None where it may be for several.

    Args:
        key: the file. keys: all files of its folder.
    """
    weights = [other for other in keys if other.lower().endswith(WEIGHT_ENDINGS)]
    if _is_peft_s(key) or weights == [key]:
        return True
    return False if key not in weights or any(map(_is_peft_s, weights)) else None


def read_stated(read: Callable[[], bytes]) -> tuple[str, str, str]:
    """Read a configuration.

    Args:
        read: gives its bytes; raises a ValueError where they are not to be read, whose text says why.

    Returns:
        What it states of the scale (`lora.scale.config`), the base model that it names, and what was passed over.
    """
    try:
        data = read()
        stated = state_config(data)
    except ValueError as exc:
        return state_fault(f"is {exc}"), "", f"{FILE_NAME}: {exc}, passed over"
    base_model = clean_line(Level(parse_file(data)).get("basemodelnameorpath"))
    return stated, base_model if read_claim(base_model) else "", ""


def stated_beside(path: Path) -> str | None:
    """Return what the configuration beside a local file states; None where there is none, or it is for another file.

    Raises:
        OSError: the folder or the configuration cannot be read.
    """
    config = path.with_name(FILE_NAME)
    if not config.is_file() or config.is_symlink():
        return None
    is_its = is_config_of(path.name, [other.name for other in path.parent.iterdir()])
    if is_its is None:
        return SHARED

    def read() -> bytes:
        with config.open("rb") as file:
            return file.read(MAX_BYTES + 1)

    return read_stated(read)[0] if is_its else None


def _is_peft_s(key: str) -> bool:
    return key.rpartition("/")[2].rpartition(".")[0] == _PEFT_STEM
