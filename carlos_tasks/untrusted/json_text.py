"""JSON text cut into records without parsing the whole: lines, or the elements of a document's list.

A list is cut at its commas: those outside of strings at the list's own depth. Both are told for a megabyte at once
(numpy), which is faster than an event parser, and a record that is too large is passed over without being held.
"""

import re
from collections.abc import Iterator
from itertools import chain

import numpy as np

from carlos_tasks.untrusted.json_values import NotJson, parse

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_BOM = b"\xef\xbb\xbf"
_QUOTE, _COMMA = ord('"'), ord(",")
_STEP = np.zeros(256, np.int8)
_STEP[list(b"[{")], _STEP[list(b"]}")] = 1, -1
_COUNTS = _STEP != 0
_COUNTS[[_QUOTE, _COMMA]] = True


def cut_lines(chunks: Iterator[bytes], limit: int) -> Iterator[tuple[bytes | None, bool]]:
    """Yield the lines that are not empty, None for one above the limit, and whether a line break ends them."""
    rest, is_passed_over = b"", False
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if is_passed_over:
                is_passed_over = False
            elif len(line) > limit:
                yield None, True
            elif line.strip():
                yield line, True
        if is_passed_over:
            rest = b""
        elif len(rest) > limit:
            yield None, True
            rest, is_passed_over = b"", True
    if rest.strip():
        yield rest, False


def cut_list(chunks: Iterator[bytes], name: str, limit: int) -> Iterator[bytes | None]:
    """Yield the elements of a document's list, None for one above the limit.

    The document is a list, or an object with a list of this name; any other object is the one element itself.

    Raises:
        NotJson: there is no such list, or it breaks off.
    """
    head, start = b"", None
    for chunk in chunks:
        head += chunk
        start = _list_start(head, name)
        if start is not None or len(head) > limit:
            break
    if start is not None:
        yield from _elements(chain([head[start:]], chunks), limit)
        return
    whole = parse(head) if len(head) <= limit else None
    if not isinstance(whole, dict) or name in whole:
        raise NotJson("not JSON with a list of models")
    yield head


def _list_start(head: bytes, name: str) -> int | None:
    """Return where the first element of the list begins."""
    lead = len(head) - len(head.removeprefix(_BOM).lstrip())
    if head[lead : lead + 1] == b"[":
        return lead + 1
    text = _ESCAPED.sub(b"__", head)
    marks = _Marks(text, is_inside=False, depth=0)
    for found in re.finditer(rb'"%s"\s*:\s*\[' % name.encode(), text):
        mark = int(np.searchsorted(marks.places, found.start()))
        if marks.inside[mark] and marks.depths[mark] == 1:  # the quote opens a string, right below the document
            return found.end()
    return None


class _Marks:
    """The quotes, brackets and commas of a text without escapes.

    For each: its place, its byte, whether a string is open after it, and how many brackets are.
    """

    def __init__(self, text: bytes, is_inside: bool, depth: int) -> None:
        codes = np.frombuffer(text, np.uint8)
        self.places = np.flatnonzero(_COUNTS[codes])
        self.codes = codes[self.places]
        self.inside = np.logical_xor.accumulate(self.codes == _QUOTE) ^ is_inside
        self.depths = depth + np.cumsum(np.where(self.inside, 0, _STEP[self.codes]), dtype=np.int64)


class _ListCutter:
    """Finds the ends of a list's elements, chunk by chunk, from the place where the first one begins."""

    def __init__(self) -> None:
        self._is_inside = False
        self._depth = 0
        self._escape = b""  # a backslash at the end of a chunk belongs to the byte that comes next
        self.is_closed = False

    def cut(self, chunk: bytes) -> tuple[bytes, list[int]]:
        """Return the text to cut, and the places of the commas between elements and of the bracket that closes."""
        text = self._escape + chunk
        plain = _ESCAPED.sub(b"__", text)
        self._escape = b"\\" if plain.endswith(b"\\") else b""
        end = len(text) - len(self._escape)
        marks = _Marks(plain[:end], self._is_inside, self._depth)
        if len(marks.places):
            self._is_inside, self._depth = bool(marks.inside[-1]), int(marks.depths[-1])
        closing = np.flatnonzero(marks.depths < 0)[:1]
        n_marks = int(closing[0]) if len(closing) else len(marks.places)
        is_cut = (marks.codes == _COMMA) & ~marks.inside & (marks.depths == 0)
        cuts = marks.places[:n_marks][is_cut[:n_marks]].tolist() + marks.places[closing].tolist()
        self.is_closed = len(closing) > 0
        return text[:end], cuts


def _elements(chunks: Iterator[bytes], limit: int) -> Iterator[bytes | None]:
    cutter = _ListCutter()
    rest, is_too_large, is_first = b"", False, True
    for chunk in chunks:
        text, cuts = cutter.cut(chunk)
        start = 0
        for cut in cuts:
            element = rest + text[start:cut]
            is_empty_list = is_first and cutter.is_closed and cut == cuts[-1] and not element.strip()
            if is_too_large or len(element) > limit:
                yield None
            elif not is_empty_list:
                yield element
            rest, is_too_large, is_first, start = b"", False, False, cut + 1
        if cutter.is_closed:
            if text[start - 1 : start] != b"]":
                raise NotJson("the list of models is not closed as a list is")
            return
        rest += text[start:]
        if len(rest) > limit:
            rest, is_too_large = b"", True
    raise NotJson("the list of models breaks off")
