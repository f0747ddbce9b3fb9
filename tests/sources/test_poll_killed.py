"""A poll in a process of its own, killed with SIGKILL again and again while a server answers it."""

import subprocess
import sys
import time
from pathlib import Path

from carlos_tasks.sources.civitai_api import CivitaiApi
from carlos_tasks.sources.poll import poll
from carlos_tasks.store.folder import FolderStore
from tests.sources.bad_server import Server
from tests.sources.models import a_model

POLL = """
import sys
from carlos_tasks.sources import open_source, poll_source
from carlos_tasks.store import open_store
poll_source(open_source(sys.argv[1], open_store(sys.argv[2])))
"""
N_MODELS = 120


def test_a_poll_that_is_killed_again_and_again_gets_there(server: Server, tmp_path: Path) -> None:
    server.models = [a_model(number) for number in range(N_MODELS, 0, -1)]
    uri, folder = f"civitai:{server.address}", tmp_path / "store"
    for kill_after in (3, 11, 17):
        server.requests = []
        process = subprocess.Popen([sys.executable, "-c", POLL, uri, str(folder)])
        give_up = time.monotonic() + 60
        while len(server.requests) < kill_after and process.poll() is None:
            assert time.monotonic() < give_up
            time.sleep(0.001)
        process.kill()
        process.wait()
    server.requests = []
    source = CivitaiApi(uri, FolderStore(folder))
    assert poll(source).is_complete
    found = [record.model_id for shard in source.shards() for record in source.listings(shard.key)]
    assert set(found) == {str(number) for number in range(1, N_MODELS + 1)}
    assert "cursor=" in server.paths[0]  # it went on, and did not begin anew
    assert len(server.requests) < N_MODELS / 2
