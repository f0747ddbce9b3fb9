"""A badly behaving server on loopback, and short waits."""

from collections.abc import Iterator

import pytest

from carlos_tasks.sources.back_off import BackOff
from tests.sources.bad_server import Server, serving

IMPATIENT = BackOff(tries=4, first_s=0.001, longest_s=0.01, patience_s=2.0)


@pytest.fixture
def back_off() -> BackOff:
    """Waits of milliseconds."""
    return IMPATIENT


@pytest.fixture(autouse=True)
def _no_tokens_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CIVITAI_TOKEN", "HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def server() -> Iterator[Server]:
    """A server in Civitai's shape, two models a page."""
    with serving(Server()) as state:
        yield state
