"""Where the parts of an attribution report's drawings stand."""

import numpy as np

from carlos_tasks.reports.bundles.charts import MAX_POINTS, histogram, quadrants


def test_a_histogram_has_a_bar_for_every_bin_that_is_not_empty() -> None:
    found = histogram(np.array([-1.0, 0.0, 0.001, 1.0]), 0.5, 0.4, 0.6)
    assert found is not None
    assert found.bars == ((0.0, 35.0, 35.0), (150.0, 0.0, 70.0), (294.0, 35.0, 35.0))
    assert (found.similarity, found.interval, found.peak) == (225.0, (210.0, 240.0), 2)


def test_without_a_null_there_is_no_histogram() -> None:
    assert histogram(np.zeros(0), 0.5, None, None) is None
    found = histogram(np.zeros(3), 0.5, None, None)
    assert found is not None
    assert found.interval is None


def test_points_stand_by_percentile_and_the_shown_last() -> None:
    found = quadrants(
        np.array([0.0, 1.0, np.nan, 0.5]), np.array([1.0, 0.25, 0.5, 0.5]), np.array([False, True, False, False]),
        {1: "1", 0: "2"}, ["a", "b", "c", "d"],
    )  # fmt: skip
    assert [(point.x, point.y, point.label, point.is_flagged, point.says) for point in found] == [
        (50.0, 50.0, "", False, "d"),
        (0.0, 0.0, "2", False, "a"),
        (100.0, 75.0, "1", True, "b"),
    ]


def test_of_many_some_are_drawn_and_all_that_are_shown() -> None:
    shares = np.linspace(0, 1, 5000)
    found = quadrants(shares, shares, np.zeros(5000, bool), {4999: "1"}, [str(number) for number in range(5000)])
    assert len(found) == MAX_POINTS + 1
    assert found[-1].label == "1"
