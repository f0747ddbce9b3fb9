"""The parts of a query, each as the vector that it asks for: a text, a LoRA of the lake, pictures, pairs of them."""

import logging
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np

from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.embedding.image_encoder import load_image_encoder
from carlos_tasks.embedding.image_files import find_pictures, mean_feature
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.lora_ids import named_id, short_id
from carlos_tasks.lake.manifest import shard_rows
from carlos_tasks.lake.statements import statement
from carlos_tasks.profiles.compared import compared_profiles
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.query import Part
from carlos_tasks.retrieval.query_encoder import load_query_encoder
from carlos_tasks.retrieval.query_text import normalised_text, parse_weighted
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import BASELINE
from carlos_tasks.store.objects import Objects

__all__ = ["baseline_mean", "image_part", "lora_part", "pair_part", "parse_weighted", "query_vector", "text_part"]

log = logging.getLogger(__name__)


def query_vector(profile: Profile, text: str, device: str = "cpu", store: Objects | None = None) -> Floats:
    """Mean over the retrieval prompts p of u(p + " " + text) − u(p) (paper, section 4).

    Args:
        profile: names the encoder and the prompts.
        text: what is looked for, e.g. "pencil sketch".
        device: where the encoder runs; a torch device, or `auto`.
        store: where the vector is looked up and kept; None computes it in this process.

    Returns:
        float32 (d,), unnormalised.

    Raises:
        CarlosError: the text is empty, holds a control character, or makes no difference to the encoder.
        TextTooLong: with the longest prompt before it, it does not fit the encoder's context.
    """
    return load_query_encoder(profile, device, store).vector(text)


def text_part(profile: Profile, text: str, weight: float, device: str, store: Objects) -> Part:
    """What a text asks for; its vector is kept in the store. Raises as `query_vector`."""
    encoder = load_query_encoder(profile, device, store)
    asked, vector = normalised_text(text), encoder.vector(text)
    if encoder.is_faint(text):
        log.warning("%r says next to nothing to the encoder: what it ranks first means little", asked)
    return Part(asked, weight, vector)


def lora_part(con: duckdb.DuckDBPyConnection, profile: Profile, lora_id: str, weight: float) -> tuple[str, Part]:
    """What a LoRA of the lake does: its Direction.

    Args:
        con: the lake.
        profile: under which it was measured; else one that this is compared with.
        lora_id: a whole id, or its first digits where they name only one.
        weight: of the part.

    Returns:
        The whole id, and the part.

    Raises:
        NotFound: no LoRA, or more than one, has that id.
        CarlosError: it has no Direction, or was taken down.
    """
    ids = [compared.profile.profile_id for compared in compared_profiles(profile)]
    with lake_errors():
        rows = con.execute(
            statement("ask/retrieval/named_direction"),
            {"profile_ids": ids, "lora_id": lora_id.strip().lower()},
        ).fetchall()
    facts = {row[0]: row[1:] for row in rows}
    found = named_id(lora_id, facts)
    if found is None:
        raise NotFound(f"no LoRA {lora_id!r} is indexed under profile {profile.name}: see carlos sql 'from mart.lora'")
    status, direction = facts[found]
    short = short_id(found)
    if status == "removed":
        raise CarlosError(f"LoRA {short} was taken down: search does not answer with it (its copies: mart.duplicate)")
    if direction is None:
        raise CarlosError(f"LoRA {short} has no Direction (status {status}): nothing to compare")
    vector = np.array(direction, dtype=np.float32)
    if not vector.any():
        raise CarlosError(f"LoRA {short} has a Direction of length 0 (status {status}): nothing to compare")
    return found, Part(f"like {short}", weight, vector)


def image_part(
    con: duckdb.DuckDBPyConnection, profile: Profile, paths: Sequence[Path], weight: float, settings: Settings
) -> Part:
    """What pictures show that the bare backbone's do not: mean e(pictures) − mean e(baseline), flagged pairs left out.

    Args:
        con: the lake, for the baseline.
        profile: whose encoder and baseline are used.
        paths: pictures, and folders of them.
        weight: of the part.
        settings: the device.

    Raises:
        CarlosError: the profile has no baseline, or a picture cannot be used; the message names it.
    """
    if profile.origin == "imported":
        raise CarlosError(
            f"profile {profile.name} is imported and has no baseline to compare pictures with: "
            "give pictures without and with the effect (--before, --after)"
        )
    pictures = find_pictures(paths)
    baseline = baseline_mean(con, profile)
    encoder = load_image_encoder(profile.identity.encoder, settings.device)
    difference = mean_feature(encoder, pictures) - baseline
    return Part(_named(pictures), weight, difference.astype(np.float32))


def pair_part(
    profile: Profile, before: Sequence[Path], after: Sequence[Path], weight: float, settings: Settings
) -> Part:
    """What changed from some pictures to others: mean e(after) − mean e(before).

    Args:
        profile: whose encoder is used.
        before: pictures without the effect, and folders of them.
        after: as many with it.
        weight: of the part.
        settings: the device.

    Raises:
        CarlosError: there are more of the ones than of the others, or a picture cannot be used.
    """
    without, with_effect = find_pictures(before), find_pictures(after)
    if len(without) != len(with_effect):
        raise CarlosError(
            f"{len(without)} pictures before and {len(with_effect)} after: give as many of both, each with its pair"
        )
    encoder = load_image_encoder(profile.identity.encoder, settings.device)
    difference = mean_feature(encoder, with_effect) - mean_feature(encoder, without)
    return Part(f"{_named(without)} → {_named(with_effect)}", weight, difference.astype(np.float32))


def baseline_mean(con: duckdb.DuckDBPyConnection, profile: Profile) -> Doubles:
    """Mean feature e of the baseline's images, float64 (d,)."""
    with lake_errors(), shard_rows(con, profile.profile_id, [BASELINE]):
        means = con.execute(statement("ask/retrieval/baseline_mean")).fetchall()
    if not means:
        raise NotFound(f"the baseline of profile {profile.name} is not in the lake yet: run carlos index")
    return np.array(means, dtype=np.float64)[:, 0]


def _named(pictures: Sequence[Path]) -> str:
    return pictures[0].name if len(pictures) == 1 else f"{len(pictures)} pictures"
