"""What `carlos verify` says of a lake, and cleaning up behind what was killed."""

from dataclasses import dataclass
from datetime import timedelta

from carlos_tasks.care.clean_up import clean_up
from carlos_tasks.errors import CarlosError
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import BASELINE
from carlos_tasks.verification.run import verify


@dataclass(frozen=True)
class Named:
    """Faults that were found: the LoRAs that they are of, a line each, and whether one is of no LoRA alone."""

    lora_ids: frozenset[str]
    lines: tuple[str, ...]
    is_of_all: bool


def named_by_verify(settings: Settings) -> Named:
    """Verify all of a lake. One that cannot be read at all is named so, if the error is one of ours."""
    try:
        damages = verify(settings).damages
    except CarlosError as exc:
        return Named(frozenset(), (str(exc),), is_of_all=True)
    return Named(
        lora_ids=frozenset(row["lora_id"] for row in damages),
        lines=tuple(f"{row['fault']} {row['key']}: {row['detail']}" for row in damages),
        is_of_all=any(row["lora_id"] in ("", BASELINE) for row in damages),
    )


def clean_up_now(settings: Settings) -> None:
    """Remove what killed commits left; nothing else commits, so its age does not matter."""
    clean_up(settings, older_than=timedelta(0))
