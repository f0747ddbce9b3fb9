"""The micro world's zoo as a dump in a folder, ready to be copied into the bucket."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def zoo_dump() -> Iterator[Path]:
    """A temporary folder with the zoo's listings and files, in Civitai's shape."""
    from carlos_tasks.microworld.zoo import write_dump

    with tempfile.TemporaryDirectory(prefix="carlos-zoo-") as folder:
        write_dump(Path(folder))
        yield Path(folder)
