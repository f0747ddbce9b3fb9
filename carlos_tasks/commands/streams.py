"""Standard output and the log as every command of `carlos` writes them.

A terminal or a file that takes no Unicode gets a `?` for what it cannot write. Who reads only the beginning (`| head`)
ends the command without a word, with exit code 1. An output that takes no more, as a full disk, is one line and exit
code 1.
"""

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, TextIO

from carlos_tasks.console import printable
from carlos_tasks.errors import CarlosError


class OutputFailed(CarlosError):
    """Standard output took no more: what the command did is done, but not all of it was told."""


class OutputClosed(Exception):
    """Whoever read standard output has enough of it."""


class PlainFormatter(logging.Formatter):
    """Log lines whose names do not drive the terminal, and begin no line of their own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with its control and direction characters as escapes."""
        return printable(super().formatMessage(record))

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """The lines of a traceback, each as a line of the log."""
        return "\n".join(map(printable, super().formatException(ei).splitlines()))


def log_to_stderr(level: int) -> None:
    """Write the log from this level on to standard error, a line for each record."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


@contextmanager
def standard_output() -> Iterator[None]:
    """Let a command write to standard output, and see that all of it arrived.

    Raises:
        OutputFailed: it did not: the disk is full, or there is no standard output.
        OutputClosed: whoever read it has ended.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        # A file that the command opens would get its number, and be written to in its place.
        os.open(os.devnull, os.O_WRONLY)
        raise OutputFailed("standard output is closed: leave it open, or send it to a file")
    if isinstance(sys.stdout, io.TextIOWrapper):
        is_unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        # The only signs that UTF-8 has no bytes for are halves of a pair, and JSON escapes them in this way too.
        sys.stdout.reconfigure(errors="backslashreplace" if is_unicode else "replace")
    stream, sys.stdout = sys.stdout, _Watched(sys.stdout)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except (OutputFailed, OutputClosed):
        _let_go(stream)
        raise
    finally:
        sys.stdout = stream


class _Watched:
    """Standard output that tells its own faults from those of other files."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _faults():
            return self._stream.write(text)

    def flush(self) -> None:
        with _faults():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            # typer would write UTF-8 to the bytes of an ASCII terminal, past this.
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise OutputClosed from None
    except OSError as exc:
        said = "standard output took no more, and the answer is not whole"
        raise OutputFailed(f"{said}: {exc.strerror or exc}") from None


def _let_go(stream: TextIO) -> None:
    """Send what is left to nowhere, or Python would try once more at its end and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.flush()
