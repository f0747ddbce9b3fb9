"""The lake that is harmed: a few real LoRAs, measured by the real stages over two nights, kept at three moments.

| moment | what is there |
|---|---|
| `one_night` | the first night is over; the LoRAs of the second lie at their source |
| `measured` | those of the second night are measured, and nothing of them is committed |
| `settled` | both nights are over |

What every LoRA's representation is then, to the bit, is the truth that the lake is held against.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from safetensors.numpy import load_file, save_file

from carlos_tasks.intake.source_intake import ingest_source
from carlos_tasks.nightly.one_process import index_all
from carlos_tasks.nightly.stages import index_batch, make_baseline, plan
from carlos_tasks.settings import Settings
from carlos_tasks.stack.s3_server import S3Server, start_s3_server
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore
from tests.chaos.apart import run_apart
from tests.chaos.judge import Measured, state_of
from tests.commit.small_index import small_profile
from tests.lakes import settings_of

ZOO = Path("carlos_tasks/microworld/weights/zoo")
FIRST_NIGHT = ("blurred-a", "checkerboard-a", "dotted-a")
SECOND_NIGHT = ("foggy-a", "framed-a", "grid-a")
BUCKET = "chaos"


@dataclass
class World:
    """A lake with its source in a folder, the kept moments beside it, and the truth about its LoRAs.

    Attributes:
        folder: where all of it lies; the lake's own files in `lake/`.
        settings: of the lake.
        truth: what was computed of each LoRA.
        known: LoRAs that the lake knew, by the moment.
        night_s: seconds that a night takes, by the moment from which it goes on.
        server: of the store, where that is S3; its data lies in the lake's folder.
    """

    folder: Path
    settings: Settings
    truth: Measured = field(default_factory=dict)
    known: dict[str, frozenset[str]] = field(default_factory=dict)
    night_s: dict[str, float] = field(default_factory=dict)
    server: S3Server | None = None

    @property
    def source(self) -> str:
        """The source that every night reads."""
        return f"folder:{self.folder / 'loras'}"

    def put_back(self, moment: str) -> None:
        """Make the lake what it was at a moment."""
        with self._server_apart():
            _swap(self.folder / moment, self.folder / "lake")

    def keep(self, moment: str) -> None:
        """Keep the lake as it is now."""
        state = run_apart(lambda: state_of(self.settings)).value()
        self.truth, self.known[moment] = state.measured, state.known
        _swap(self.folder / "lake", self.folder / moment)

    def backup(self, moment: str) -> ObjectStore:
        """The objects of a moment."""
        return open_store(str(self.folder / moment / ("s3/" + BUCKET if self.server else "store")))

    def night(self) -> list[str]:
        """Run one night over the source; returns the checks that failed at its end."""
        return [failure.check for failure in index_all(self.settings, self.source).check_failures]

    def close(self) -> None:
        """End its server."""
        if self.server:
            self.server.stop()

    @contextmanager
    def _server_apart(self) -> Iterator[None]:
        """The server remembers what lies in its folders: where those are put back, it starts anew."""
        if self.server:
            self.server.stop()
        yield
        if self.server:
            self.server = _serve(self.folder / "lake")


def make_world(folder: Path, *, on_s3: bool = False) -> World:
    """Make a world below an empty folder; takes two nights over a handful of LoRAs.

    Args:
        folder: where.
        on_s3: its store is a bucket, and this process's environment leads to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    profile = folder / "profile.json"
    made = small_profile(folder / "prompts", n_prompts=3, seeds=(0, 1), pairs_per_shard=3)
    profile.write_text(made.model_dump_json())
    changes = {"profile": str(profile), "loras_per_batch": 2} | ({"store": f"s3://{BUCKET}"} if on_s3 else {})
    world = World(folder, settings_of(folder / "lake").model_copy(update=changes))
    if on_s3:
        world.server = _serve(folder / "lake")
        world.server.create_bucket(BUCKET)
    _publish(folder / "loras", FIRST_NIGHT)
    run_apart(world.night).value()
    world.keep("one_night")
    _publish(folder / "loras", SECOND_NIGHT)
    # One with the weights of another: its measurement is copied.
    twin = folder / "loras" / "grid-again.safetensors"
    save_file(load_file(ZOO / f"{SECOND_NIGHT[-1]}.safetensors"), twin, {"title": "the same once more"})
    measuring = run_apart(lambda: measure(world))
    measuring.value()
    world.keep("measured")
    committing = run_apart(world.night)
    committing.value()
    world.keep("settled")
    world.night_s = {"one_night": measuring.seconds + committing.seconds, "measured": committing.seconds}
    return world


def _serve(folder: Path) -> S3Server:
    server = start_s3_server(folder / "s3")
    os.environ.update(server.environment)
    return server


def measure(world: World) -> None:
    """Run a night up to its commit."""
    ingest_source(world.settings, world.source)
    planned = plan(world.settings)
    make_baseline(world.settings)
    for key in chain.from_iterable(planned.batches.values()):
        index_batch(world.settings, key)


def _publish(folder: Path, names: tuple[str, ...]) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(ZOO / f"{name}.safetensors", folder)


def _swap(source: Path, target: Path) -> None:
    """Make `target` a copy of `source`; what was there is gone."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
