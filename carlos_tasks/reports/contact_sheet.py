"""The contact sheet: one PNG, a row per LoRA, each kept pair as the baseline and, beside it, the LoRA's image.

It shows those that were measured last, as many as one can look at: a picture of a whole large index is gigabytes.
The PNG names the LoRAs that it shows. So a sheet that was drawn before one of them was taken down is told, drawn anew
(`reports.takedowns`), and never handed out meanwhile (`read_contact_sheet`).
"""

import io
from collections.abc import Collection
from typing import Any

from carlos_tasks.errors import NotFound
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.evidence import evidence_pairs
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.state import taken_down_now
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.reports.bundles.evidence_pictures import kept_image
from carlos_tasks.reports.lettering import draw_name
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, contact_sheet_key, evidence_key
from carlos_tasks.store.objects import ObjectStore

MOST_LORAS = 200
TILE_PX = 64
GAP_PX = 8
LABEL_PX = 330
PAPER, INK, FAINT = "#ffffff", "#1b1f24", "#6e7781"
STATUS_COLOURS = {"ok": "#1a7f37", "no_effect": "#6e7781"}
WARNING = "#b35900"
_SHOWS = "carlos-lora-ids"


def write_contact_sheet(settings: Settings, profile: Profile) -> str:
    """Draw the sheet of one profile from the evidence images of its newest LoRAs, and store it.

    Returns:
        The key of the PNG in the store.

    Raises:
        NotFound: nothing is indexed under the profile yet.
    """
    store, key = open_store(settings.store), contact_sheet_key(profile.profile_id)
    pairs = evidence_pairs(profile, settings.evidence_pairs)
    while True:
        with connect(settings) as con, lake_errors():
            loras = con.execute(
                "from (select lora_id, name, status, strength, consistency from mart.lora "
                "where profile_id = ? and status <> 'removed' order by computed_at desc nulls last, lora_id limit ?) "
                "order by status <> 'ok', status, name, lora_id",
                [profile.profile_id, MOST_LORAS],
            ).fetchall()
        if not loras:
            store.delete(key)
            raise NotFound(f"nothing is indexed under profile {profile.name} yet: run carlos index")
        store.write(key, draw_contact_sheet(store, profile.profile_id, loras, pairs))
        # A takedown that was recorded while the sheet was drawn has found the one before it.
        if not {lora_id for lora_id, *_ in loras} & set(taken_down_now(settings)):
            return key


def read_contact_sheet(settings: Settings, profile_id: str) -> bytes:
    """Read the newest sheet of a profile, for whoever shows it to people.

    Raises:
        NotFound: none has been drawn yet, or a LoRA of it was taken down since and it is not drawn anew yet.
    """
    data = open_store(settings.store).read(contact_sheet_key(profile_id))
    if is_outdated(data, taken_down_now(settings)):
        raise NotFound("the contact sheet shows a LoRA that was taken down since: it is to be drawn anew")
    return data


def is_outdated(sheet: bytes, removed: Collection[str]) -> bool:
    """Whether a sheet shows a LoRA that is taken down, or may: it does not say what it shows, or is no sheet."""
    from PIL import Image

    if not removed:
        return False
    try:
        with Image.open(io.BytesIO(sheet), formats=["PNG"]) as picture:
            shown = picture.info[_SHOWS].split()
    except (KeyError, AttributeError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return True
    return not set(removed).isdisjoint(shown)


def draw_contact_sheet(
    store: ObjectStore, profile_id: str, loras: list[tuple[Any, ...]], pairs: list[tuple[str, int]]
) -> bytes:
    """Draw the sheet.

    Args:
        store: where the evidence images lie; one that is missing or broken is drawn as an empty frame.
        profile_id: whose images.
        loras: (lora_id, name, status, strength, consistency), a row each.
        pairs: (prompt_id, seed), a pair of columns each.

    Returns:
        The PNG.
    """
    from PIL import Image, ImageDraw, ImageFont
    from PIL.PngImagePlugin import PngInfo

    big, small = ImageFont.load_default(14), ImageFont.load_default(11)
    row_px, head_px = TILE_PX + GAP_PX, 34
    pair_px = 2 * TILE_PX + GAP_PX
    sheet = Image.new("RGB", (LABEL_PX + len(pairs) * pair_px + GAP_PX, head_px + len(loras) * row_px + GAP_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP_PX, 10), f"profile {profile_id}: each pair is baseline | LoRA", INK, big)
    baseline = [_tile(store, profile_id, BASELINE, pair) for pair in pairs]
    for number, (lora_id, name, status, strength, consistency) in enumerate(loras):
        top = head_px + number * row_px
        draw_name(draw, (GAP_PX, top + 6), name or "", INK, 14, LABEL_PX - 2 * GAP_PX)
        draw.text((GAP_PX, top + 27), status, STATUS_COLOURS.get(status, WARNING), big)
        facts = "" if strength is None else f"S {strength:.2f}   C {_figure(consistency)}   "
        draw.text((GAP_PX, top + 47), f"{facts}{lora_id[:12]}", FAINT, small)
        for column, pair in enumerate(pairs):
            left = LABEL_PX + column * pair_px
            for offset, tile in ((0, baseline[column]), (TILE_PX, _tile(store, profile_id, lora_id, pair))):
                box = (left + offset, top, left + offset + TILE_PX, top + TILE_PX)
                if tile is None:
                    draw.rectangle(box, outline=FAINT)
                    draw.text((box[0] + 6, top + 25), "no image", FAINT, small)
                else:
                    sheet.paste(tile, box[:2])
    buffer, told = io.BytesIO(), PngInfo()
    told.add_text(_SHOWS, " ".join(lora_id for lora_id, *_ in loras))
    sheet.save(buffer, "PNG", pnginfo=told)
    return buffer.getvalue()


def _tile(store: ObjectStore, profile_id: str, lora_id: str, pair: tuple[str, int]) -> Any:
    from PIL import Image

    kept = kept_image(store, evidence_key(profile_id, lora_id, *pair))
    if kept is None:
        return None
    _, picture = kept
    # The micro world's pixels should be seen as they are; a photograph is scaled down smoothly.
    how = Image.Resampling.NEAREST if picture.width <= TILE_PX else Image.Resampling.LANCZOS
    return picture.resize((TILE_PX, TILE_PX), how)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
