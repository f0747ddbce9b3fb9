"""A reference set as directions: one basis of comparison for its pictures, one for its LoRAs, one for its texts.

They are not mixed. Pictures and LoRAs are differences of image features and are held against what other LoRAs do; texts
are differences of text features, and are held against texts that mean nothing in particular.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles
from carlos_tasks.attribution.reference import Reference
from carlos_tasks.attribution.reference_pictures import read_pictures
from carlos_tasks.calibration.measured import Measured
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.lora_ids import named_id
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.query_parts import baseline_mean, text_part
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store

Kind = Literal["pictures", "loras", "texts"]


@dataclass(frozen=True, eq=False)
class Basis:
    """One kind of reference, as the mean of its members.

    Attributes:
        kind: what it is made of.
        members: float64 (m, d): features e of pictures, or unit Directions of LoRAs, or unit vectors of texts.
        origin: float64 (d,), what their mean is compared with: of pictures the bare backbone's mean feature, else 0.
        lora_ids: the reference LoRAs, which are not compared with themselves.
    """

    kind: Kind
    members: Doubles
    origin: Doubles
    lora_ids: tuple[str, ...] = ()

    @property
    def vector(self) -> Doubles:
        """The reference direction r, float64 (d,), a CLIP difference of any length."""
        return np.asarray(self.members.mean(axis=0) - self.origin)

    def resampled(self, rng: np.random.Generator, n_draws: int) -> Doubles:
        """Reference directions of bootstrap draws of as many members, with replacement: (n_draws, d)."""
        n_members = len(self.members)
        counts = rng.multinomial(n_members, np.full(n_members, 1 / n_members), size=n_draws)
        return np.asarray(counts @ self.members / n_members - self.origin)

    @property
    def known_to(self) -> float | None:
        """Estimate of cos(r, the direction of many more such members); None for one member, or members that disagree.

        With m members of mean pairwise cosine C it is 1/√(1 + (1 − C)/(m C)), as for the Direction of a LoRA.
        """
        own = self.members - self.origin
        units = own / np.linalg.norm(own, axis=1, keepdims=True)
        count = len(units)
        if count < 2:
            return None
        total = units.sum(axis=0)
        agreement = float((total @ total - count) / (count * (count - 1)))
        return float(1 / np.sqrt(1 + (1 - agreement) / (count * agreement))) if agreement > 0 else None


def make_bases(
    con: duckdb.DuckDBPyConnection, profile: Profile, settings: Settings, measured: Measured, reference: Reference
) -> tuple[tuple[Basis, ...], list[Row]]:
    """Turn a reference set into bases of comparison: pictures first, then LoRAs, then texts.

    Args:
        con: the lake, for the baseline.
        profile: whose encoder reads pictures and texts.
        settings: the device, and the store where vectors of texts are kept.
        measured: the LoRAs of the profile.
        reference: what is asked about.

    Returns:
        The bases, at least one; and a row for each picture file (`read_pictures`).

    Raises:
        CarlosError: no picture can be used, a text says nothing, or pictures are given to an imported profile.
        NotFound: a LoRA is not there, or the profile has no baseline.
    """
    bases: list[Basis] = []
    rows: list[Row] = []
    if reference.pictures:
        basis, rows = _of_pictures(con, profile, settings, reference)
        bases.append(basis)
    if reference.lora_ids:
        bases.append(_of_loras(measured, reference.lora_ids, profile))
    if reference.texts:
        bases.append(_of_texts(profile, settings, reference.texts))
    for basis in bases:
        if not np.linalg.norm(basis.vector) > 0:
            raise CarlosError(f"the {basis.kind} of the reference set have no direction: they cancel each other")
    return tuple(bases), rows


def _of_pictures(
    con: duckdb.DuckDBPyConnection, profile: Profile, settings: Settings, reference: Reference
) -> tuple[Basis, list[Row]]:
    from carlos_tasks.embedding.image_encoder import load_image_encoder

    if profile.origin == "imported":
        raise CarlosError(
            f"profile {profile.name} is imported and has no baseline to compare pictures with: "
            "give a LoRA of the index that shows what is meant (--lora), or texts (--text)"
        )
    baseline = baseline_mean(con, profile)
    pictures = read_pictures(load_image_encoder(profile.identity.encoder, settings.device), reference.pictures)
    return Basis("pictures", pictures.features, baseline), pictures.rows


def _of_loras(measured: Measured, lora_ids: Sequence[str], profile: Profile) -> Basis:
    found = tuple(dict.fromkeys(_known(measured, given, profile) for given in lora_ids))
    members = measured.field.units[[measured.place[lora_id] for lora_id in found]].astype(np.float64)
    return Basis("loras", members, np.zeros(members.shape[1]), found)


def _known(measured: Measured, given: str, profile: Profile) -> str:
    """The whole id of a LoRA that is named by it, or by its first digits."""
    lora_id = named_id(given, measured.lora_ids)
    if lora_id is None:
        raise NotFound(f"no LoRA {given!r} of profile {profile.name} has a Direction: see carlos sql 'from mart.lora'")
    return lora_id


def _of_texts(profile: Profile, settings: Settings, texts: Sequence[str]) -> Basis:
    store = open_store(settings.store)
    parts = [text_part(profile, text, 1.0, settings.device, store) for text in texts]
    vectors = np.array([part.vector for part in parts], dtype=np.float64)
    members = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return Basis("texts", members, np.zeros(members.shape[1]))
