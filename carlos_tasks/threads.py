"""Doing the same with many things at once, in threads that end with the block that wanted them."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Requests to object storage that are under way together.
REQUESTS = 8


class Map(Protocol):
    """What maps a function over items."""

    def __call__(self, function: Callable[[Any], Result], items: Iterable[Any], /) -> Iterator[Result]:
        """Yield the results in the order of the items."""
        ...


@contextmanager
def at_once(most: int = REQUESTS) -> Iterator[Map]:
    """Give a `map` that calls the function in up to `most` threads; its results come in the order of the items.

    An error, Ctrl-C too, ends the block without waiting: what has not begun is dropped, and what has is left behind.
    What the function imports, the caller imports before: a thread that waits for the lock of an import, which the
    interrupted main thread holds, would never end.
    """
    pool = ThreadPoolExecutor(most)
    try:
        yield pool.map
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Pass on items, of which the next one is made in a thread while the reader is busy with this one."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(lambda: list(islice(items, 1)))
        while found := coming.result():
            coming = pool.submit(lambda: list(islice(items, 1)))
            yield from found
