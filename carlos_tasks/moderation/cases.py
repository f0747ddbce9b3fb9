"""What the lake knows of the LoRAs that somebody decides on: read once for all of them, before anything is recorded."""

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.evidence import image_keys
from carlos_tasks.lake.lora_ids import named_id
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.store.objects import ObjectStore


@dataclass(frozen=True)
class CaseFile:
    """What stands on record of one LoRA.

    Attributes:
        lora_id: the whole id.
        is_measured: whether the profile has measured or tried it.
        steps: rows of mart.decision, the oldest first.
        signals: rows of mart.signal, the gravest first.
        notices: its complaints, the oldest first.
        images: keys of its kept images.
    """

    lora_id: str
    is_measured: bool
    steps: tuple[Row, ...]
    signals: tuple[Row, ...]
    notices: tuple[Row, ...]
    images: tuple[str, ...]

    @property
    def open_notices(self) -> tuple[Row, ...]:
        """Complaints that no closing step settles."""
        settled = [step["settles_until"] for step in self.steps if step["closes_case"]]
        return tuple(notice for notice in self.notices if not settled or notice["recorded_at"] > max(settled))

    @property
    def decisions_in_force(self) -> tuple[Row, ...]:
        """Decisions that an appeal can be made against."""
        return tuple(step for step in self.steps if step["is_in_force"])

    @property
    def open_appeals(self) -> tuple[Row, ...]:
        """Appeals that nobody has answered."""
        return tuple(step for step in self.steps if step["action"] == "appeal" and not step["answered_by"])

    def evidence(self) -> list[str]:
        """What a decision stands on by default: signals, open complaints, kept images; ids that can be looked up."""
        signals = [signal for signal in self.signals if signal["signal"] != "notice"]
        return [
            *(
                "/".join(filter(None, ("signal", signal["signal"], signal["profile_id"] or "file", signal["subject"])))
                for signal in signals
            ),
            *(f"notice/{notice['notice_id']}" for notice in self.open_notices),
            *self.images,
        ]


def whole_id(con: duckdb.DuckDBPyConnection, lora_id: str) -> str:
    """The LoRA that an id, or its first digits, names.

    Raises:
        NotFound: no LoRA of the lake, or more than one, has that id.
    """
    found = rows(con, statement("ask/moderation/known_lora"), {"lora_id": lora_id.strip().lower()})
    whole = named_id(lora_id, [row["lora_id"] for row in found])
    if whole is None:
        raise NotFound(f"the lake knows no LoRA {lora_id!r}: core.lora has their ids")
    return whole


def case_files(
    con: duckdb.DuckDBPyConnection, store: ObjectStore, profile_id: str, lora_ids: Iterable[str]
) -> dict[str, CaseFile]:
    """Read what stands on record of some LoRAs, by whole id.

    Args:
        con: the lake, as it is or as it was.
        store: where the kept images lie.
        profile_id: whose images are evidence.
        lora_ids: whole ids.
    """
    wanted = sorted(set(lora_ids))
    some = {"lora_ids": wanted}
    steps = steps_of(con, wanted)
    signals = _by_lora(rows(con, statement("ask/moderation/signals_of"), some))
    notices = _by_lora(rows(con, statement("ask/moderation/notices_of"), some))
    measured = rows(con, statement("ask/moderation/measured_loras"), some | {"profile_id": profile_id})
    measured_ids = {row["lora_id"] for row in measured}
    images = image_keys(store, profile_id, sorted(measured_ids))
    return {
        lora_id: CaseFile(
            lora_id,
            lora_id in measured_ids,
            tuple(steps.get(lora_id, ())),
            tuple(signals.get(lora_id, ())),
            tuple(notices.get(lora_id, ())),
            tuple(images.get(lora_id, {}).values()),
        )
        for lora_id in wanted
    }


def steps_of(con: duckdb.DuckDBPyConnection, lora_ids: list[str]) -> dict[str, list[Row]]:
    """Rows of mart.decision by LoRA, the oldest first."""
    return _by_lora(rows(con, statement("ask/moderation/steps_of"), {"lora_ids": lora_ids}))


def concept_named(con: duckdb.DuckDBPyConnection, name: str) -> Row:
    """The concept in force that a name means.

    Raises:
        CarlosError: no concept, or that of more than one policy, has that name.
    """
    found = rows(con, statement("ask/moderation/concepts_named"), {"name": name})
    if not found:
        raise CarlosError(f"no policy in force has the concept {name!r}: see carlos sql 'from mart.concept'")
    if len(found) > 1:
        named = ", ".join(f"{row['policy']}/{row['concept_id']}" for row in found)
        raise CarlosError(f"more than one policy has the concept {name!r}: write one of {named}")
    return found[0]


def _by_lora(found: list[Row]) -> dict[str, list[Row]]:
    by_lora: dict[str, list[Row]] = {}
    for row in found:
        by_lora.setdefault(row["lora_id"], []).append(row)
    return by_lora
