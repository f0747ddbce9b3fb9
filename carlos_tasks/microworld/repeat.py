"""Make the micro world twice from one seed, in a reduced size, and compare every byte: ``make microworld-check``.

It is what ``make microworld`` does (encoder, VAE, UNet, LoRAs, the ground truth) and the zoo's dump besides, each time
in a process of its own: what hangs on the order of a set would differ, since the processes hash texts differently.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from carlos_tasks.microworld import ground_truth
from carlos_tasks.microworld.train import PARTS, REDUCED, train
from carlos_tasks.microworld.zoo import models_of, write_dump


def make_world(out: Path, seed: int) -> None:
    """Make the reduced world: weights in the layout of ``weights/``, the dump of its zoo, and what is true of it."""
    for part in PARTS:
        train(part, out, seed, REDUCED)
    models = models_of(REDUCED.loras)
    write_dump(out / "dump", out, models)
    ground_truth.write(out / "ground_truth.json", out, models)


def make_twice(folder: Path, seed: int) -> tuple[Path, Path]:
    """Make two worlds of one seed, at the same time.

    Raises:
        CalledProcessError: a training failed.
    """
    worlds = folder / "one", folder / "two"
    running = []
    for number, world in enumerate(worlds, start=1):
        command = [sys.executable, "-m", "carlos_tasks.microworld.repeat", "--seed", str(seed), "--once", str(world)]
        environment = os.environ | {"PYTHONHASHSEED": str(number)}
        running.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
    for process in running:
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return worlds


def differences(one: Path, two: Path) -> list[str]:
    """The files that only one of two folders has, and those whose bytes differ."""
    contents = [
        {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()} for folder in (one, two)
    ]
    first, second = contents
    return sorted(
        str(name)
        for name in first.keys() | second.keys()
        if name not in first or name not in second or first[name].read_bytes() != second[name].read_bytes()
    )


def main() -> int:
    """The command line; 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="python -m carlos_tasks.microworld.repeat", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="every random number follows from it (default 0)")
    parser.add_argument("--once", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        make_world(options.once, options.seed)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        one, two = make_twice(Path(folder), options.seed)
        differing = differences(one, two)
        n_files = sum(path.is_file() for path in one.rglob("*"))
    print("\n".join(differing) or f"{n_files} files, the same bytes twice")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
