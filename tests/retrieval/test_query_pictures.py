"""Asking with pictures: what they show is taken as people see it, and a file that cannot be used is named."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from PIL import Image

from carlos_tasks.embedding.encoder import load_encoder
from carlos_tasks.embedding.image_files import find_pictures, open_picture
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.retrieval.query import Query
from carlos_tasks.retrieval.query_parts import image_part, pair_part
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.commit.small_index import baseline, write_shards
from tests.lakes import put_shards

RED, GREEN = (250, 10, 10), (10, 250, 10)


def picture(path: Path, colour: tuple[int, ...] = RED, size: tuple[int, int] = (40, 32), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB" if len(colour) == 3 else "RGBA", size, colour).save(path, **options)
    return path


def features(profile: Profile, *colours: tuple[int, int, int]) -> np.ndarray:
    encoder = load_encoder(profile.identity.encoder, "cpu")
    return encoder.embed_images([Image.new("RGB", (40, 32), colour) for colour in colours]).astype(np.float64)


def test_a_pair_is_the_difference_of_the_means(micro: Profile, settings: Settings, tmp_path: Path) -> None:
    before = [picture(tmp_path / "before" / f"{n}.png", (0, 0, 40 * n)) for n in range(3)]
    after = [picture(tmp_path / "after" / f"{n}.png", (200, 0, 40 * n)) for n in range(3)]
    part = pair_part(micro, before, after, -0.5, settings)
    expected = features(micro, *((200, 0, 40 * n) for n in range(3))).mean(axis=0)
    expected -= features(micro, *((0, 0, 40 * n) for n in range(3))).mean(axis=0)
    np.testing.assert_allclose(part.vector, expected, atol=1e-5)
    assert (part.asked, part.weight) == ("3 pictures → 3 pictures", -0.5)
    assert part.vector.dtype == np.float32
    folders = pair_part(micro, [tmp_path / "before"], [tmp_path / "after"], -0.5, settings)
    np.testing.assert_array_equal(folders.vector, part.vector)


def test_pairs_need_as_many_of_both(micro: Profile, settings: Settings, tmp_path: Path) -> None:
    one = picture(tmp_path / "a.png")
    with pytest.raises(CarlosError, match="1 pictures before and 2 after"):
        pair_part(micro, [one], [one, one], 1, settings)


def test_a_pair_of_the_same_picture_has_no_direction(micro: Profile, settings: Settings, tmp_path: Path) -> None:
    one = picture(tmp_path / "a.png")
    part = pair_part(micro, [one], [one], 1, settings)
    with pytest.raises(CarlosError, match="no direction"):
        Query(micro.profile_id, (part,))


def test_pictures_are_held_against_the_baseline_without_its_flagged_images(
    lake: duckdb.DuckDBPyConnection, micro: Profile, settings: Settings, tmp_path: Path
) -> None:
    store, images = open_store(settings.store), baseline(micro, dimension=64)
    put_shards(lake, store, write_shards(store, micro, "base", images, flags={0: "nan", 3: "black"}))
    put_shards(lake, store, write_shards(store, micro, "lora", images + 9))
    paths = [picture(tmp_path / f"{n}.png", colour) for n, colour in enumerate((RED, GREEN))]
    part = image_part(lake, micro, paths, 1, settings)
    used = np.delete(images, [0, 3], axis=0).mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(part.vector, features(micro, RED, GREEN).mean(axis=0) - used, atol=1e-5)
    assert part.asked == "2 pictures"
    assert image_part(lake, micro, paths[:1], 1, settings).asked == "0.png"


def test_without_a_baseline_pictures_cannot_be_compared(
    lake: duckdb.DuckDBPyConnection, micro: Profile, settings: Settings, tmp_path: Path
) -> None:
    one = picture(tmp_path / "a.png")
    with pytest.raises(NotFound, match="baseline of profile micro is not in the lake yet"):
        image_part(lake, micro, [one], 1, settings)
    with pytest.raises(CarlosError, match=r"carlos-published is imported and has no baseline.*--before"):
        image_part(lake, load_profile("carlos-published"), [one], 1, settings)


def test_a_folder_stands_for_its_pictures_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name in ("b.PNG", "a.jpeg", "c.webp"):
        picture(folder / name)
    (folder / "notes.txt").write_text("no picture")
    picture(folder / "deeper" / "d.png")
    (folder / "e.png").mkdir()
    alone = picture(tmp_path / "z.png")
    found = find_pictures([alone, folder])
    assert [path.name for path in found] == ["z.png", "a.jpeg", "b.PNG", "c.webp"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "there is no picture at"),
        (lambda path: path.mkdir(), "holds no picture"),
        (lambda path: os.mkfifo(path), "there is no picture at"),
    ],
    ids=["nothing", "empty folder", "pipe"],
)
def test_what_is_no_picture_s_place_is_named(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    make(tmp_path / "a.png")
    with pytest.raises(NotFound, match=rf"{message}|a\.png"):
        find_pictures([tmp_path / "a.png"])


def test_no_pictures_and_too_many(tmp_path: Path) -> None:
    with pytest.raises(CarlosError, match="no picture is given"):
        find_pictures([])
    one = picture(tmp_path / "a.png")
    assert len(find_pictures([one] * 1000)) == 1000
    with pytest.raises(CarlosError, match="1001 pictures are given: at most 1000"):
        find_pictures([one] * 1001)


def png_header(width: int, height: int) -> bytes:
    """A PNG that states a size and has no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    no_pixels = struct.pack(">I", 100) + b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + no_pixels


def truncated() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "PNG")
    return buffer.getvalue()[:2000]


def postscript() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no picture that is read here"),
        (b"\x00" * 1000, "no picture that is read here"),
        (postscript(), "no picture that is read here"),
        (truncated(), "broken picture"),
        (png_header(60_000, 60_000), "more than 64 million pixels"),
        (png_header(12_000, 8_000), "12000 x 8000, more than 64 million pixels"),
        (png_header(1, 1_000_000), "1 x 1000000, a strip"),
        (png_header(40, 40), "broken picture"),
    ],
    ids=["empty", "zeros", "postscript", "truncated", "bomb", "large", "strip", "no pixels"],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(CarlosError, match=message) as caught:
        open_picture(path)
    assert str(path) in str(caught.value)


def test_pictures_are_taken_as_people_see_them(tmp_path: Path) -> None:
    clear = picture(tmp_path / "clear.png", (250, 0, 0, 0), (4, 4))
    assert open_picture(clear).getpixel((0, 0)) == (255, 255, 255)
    half = picture(tmp_path / "half.webp", (0, 0, 0, 128), (4, 4), lossless=True)
    assert open_picture(half).getpixel((0, 0)) == pytest.approx((127, 127, 127), abs=1)
    film = tmp_path / "film.gif"
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, GREEN)]
    frames[0].save(film, save_all=True, append_images=frames[1:])
    assert open_picture(film).getpixel((0, 0)) == pytest.approx(RED, abs=3)
    deep = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 0x8000, dtype=np.uint16)).save(deep)
    assert open_picture(deep).getpixel((0, 0)) == (128, 128, 128)
    sideways = tmp_path / "sideways.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    Image.new("RGB", (8, 4), RED).save(sideways, exif=exif)
    assert open_picture(sideways).size == (4, 8)
    floating = tmp_path / "floating.tiff"
    Image.fromarray(np.zeros((4, 4), dtype=np.float32)).save(floating)
    with pytest.raises(CarlosError, match="32 bits"):
        open_picture(floating)
