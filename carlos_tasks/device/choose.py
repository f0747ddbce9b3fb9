"""Which torch device generation and embedding run on."""

from carlos_tasks.errors import SettingsError


def choose_device(device: str) -> str:
    """Turn the setting `device` into a torch device.

    Raises:
        SettingsError: CUDA is asked for and torch does not see it.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise SettingsError(f"CARLOS_DEVICE={device}, but torch sees no CUDA device; write auto or cpu")
    return device
