"""Doing things in threads: order, errors, and how far ahead."""

from collections.abc import Iterator

import pytest

from carlos_tasks.threads import ahead


def test_ahead_keeps_the_order_and_makes_one_item_beforehand() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            yield number

    passed_on = ahead(numbers())
    for number in range(5):
        assert next(passed_on) == number
        assert len(made) <= number + 2
    assert list(passed_on) == []


def test_ahead_passes_on_an_error_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("torn")

    passed_on = ahead(broken())
    assert next(passed_on) == 1
    with pytest.raises(ValueError, match="torn"):
        next(passed_on)
