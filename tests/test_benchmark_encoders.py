"""The benchmark of several encoders, on few pairs: both ways measure the same profiles."""

from pathlib import Path

from benchmarks.encoders import measure, profiles_of
from carlos_tasks.profiles.same_images import grouped_by_images


def test_the_ways_differ_in_their_images_alone(tmp_path: Path) -> None:
    one, same, other = profiles_of(tmp_path, 120)
    assert [len(grouped_by_images(pair)) for pair in ([one, same], [one, other])] == [1, 2]
    assert same.identity.encoder == other.identity.encoder != one.identity.encoder


def test_two_with_the_same_images_are_drawn_once(tmp_path: Path) -> None:
    report = measure(tmp_path, 30, 1)
    assert report["pairs"] == 30
    assert report["times_same_images"] < report["times_other_images"]
