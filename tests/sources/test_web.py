"""Requests that are patient with what passes: waits, Retry-After, and what may be said of a URL."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from carlos_tasks.errors import PassingError, PermanentError
from carlos_tasks.sources import web
from carlos_tasks.sources.back_off import BackOff, BusyServer, retry_after_s
from carlos_tasks.sources.web import get_json, new_client, origin, place
from tests.sources.bad_server import Server


def test_waits_grow_are_never_alike_and_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)

    def busy() -> None:
        raise BusyServer("busy")

    for _ in range(50):
        with pytest.raises(PassingError, match="busy"):
            BackOff(tries=8, first_s=1, longest_s=30).call(busy)
    assert len(waits) == 50 * 7
    by_try = [waits[number::7] for number in range(7)]
    assert all(len(set(drawn)) == 50 for drawn in by_try)
    for number, drawn in enumerate(by_try, start=1):
        assert min(drawn) >= 0 and max(drawn) <= min(30, 2**number)
    assert max(by_try[-1]) > max(by_try[0])


def test_the_wait_is_never_shorter_than_the_server_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    answers = iter([BusyServer("busy", 7.0), BusyServer("busy", 90.0)])

    def ask() -> str:
        if exc := next(answers, None):
            raise exc
        return "answer"

    assert BackOff(first_s=0.1).call(ask) == "answer"
    assert waits == [7.0, 90.0]


def test_what_does_not_pass_is_asked_for_once() -> None:
    asked: list[int] = []

    def refuse() -> None:
        asked.append(1)
        raise PermanentError("no")

    with pytest.raises(PermanentError):
        BackOff().call(refuse)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, 0), ("120", 120), (" 5 ", 5), ("", 0), ("-3", 0), ("soon", 0), ("9" * 40, 0), ("1.5", 0), ("²", 0)],
)
def test_a_wait_in_seconds(value: str | None, seconds: float) -> None:
    assert retry_after_s(value) == seconds


def test_a_wait_until_a_time() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=60)
    assert 55 < retry_after_s(format_datetime(moment)) < 61
    assert 55 < retry_after_s(moment.strftime("%a, %d %b %Y %H:%M:%S -0000")) < 61
    assert retry_after_s(format_datetime(moment - timedelta(days=1))) == 0
    assert retry_after_s("Fri, 99 Foo 2026") == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@host.example/a?token=secret#secret", "https://host.example/a"),
        ("http://host.example:8080/a", "http://host.example:8080/a"),
        ("https://host.example/a\x1b[31m\nb", "https://host.example/a?[31mb"),
        ("http://[::1", "://"),
        ("", "://"),
    ],
)
def test_what_is_said_of_a_url_holds_no_secret(url: str, shown: str) -> None:
    assert place(url) == shown
    assert "secret" not in place(url)


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("HTTPS://Host.Example/x") == origin("https://host.example:443/y") == ("https", "host.example", 443)
    assert origin("https://host.example:8443") != origin("https://host.example")
    assert origin("https://host.example:99999999") == ("", "", 0)


def test_an_answer_without_end_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_ANSWER_BYTES", 1000)
    server.files["/big"] = lambda handler: handler.send(200, b" " * 5000 + b"{}")
    with pytest.raises(PermanentError, match="more than 1000 bytes"):
        get_json(new_client(server), f"{server.address}/big", [], {})
