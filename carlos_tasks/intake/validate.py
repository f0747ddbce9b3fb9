"""The checks of the intake for files of one's own: `carlos validate FILE…`. Nothing is stored, nothing is loaded."""

import gc
import multiprocessing
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from carlos_tasks.aliases import Row
from carlos_tasks.console import print_json, print_table, printable, say
from carlos_tasks.errors import NotFound
from carlos_tasks.lora.check import Examined, examine_file, inspect_header
from carlos_tasks.sources.beside.adapter_config import stated_beside
from carlos_tasks.sources.folder import MODEL_ENDINGS
from carlos_tasks.untrusted.reasons import Reason

_ALONE = 32  # so many files take less time than starting processes
_CHUNK = 16
_COLUMNS = ("path", "verdict", "family", "base_model", "rank", "modules")


def validate(paths: Sequence[Path], *, headers_only: bool = False, with_metadata: bool = True) -> Iterator[Row]:
    """Check files, and the model files in folders; many of them on every core.

    Args:
        paths: files or folders. A link that is named is followed, one in a folder is not.
        headers_only: neither hash nor read the weights.
        with_metadata: with all of the header's metadata, which are most of a row.

    Yields:
        One row per file, in the order of `paths`, then of names: path, ok, reason, what `LoraFile` says, detail.
    """
    found = list(_files(paths))
    check = partial(_validated, headers_only=headers_only, with_metadata=with_metadata)
    n_processes = min(os.cpu_count() or 1, len(found) // _ALONE)
    if n_processes < 2:
        yield from map(check, found)
        return
    # Spawned, not forked: whoever calls may have threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, context, initializer=_start) as pool:
        yield from pool.map(check, found, chunksize=_CHUNK)


def print_validated(paths: Sequence[Path], *, headers_only: bool, as_json: bool) -> int:
    """Print the verdicts as a table, or as one JSON array; returns the exit code: 0 if every file is ok.

    Raises:
        NotFound: a folder holds no model file; what the others hold is printed before.
    """
    counts: Counter[str] = Counter()
    shown: list[Row] = []
    rows = validate(paths, headers_only=headers_only, with_metadata=as_json)
    if as_json:
        print_json(_counted(rows, counts))
    else:
        shown = [_short(row) for row in _counted(rows, counts)]
        if shown:
            print_table(shown, _COLUMNS)
    for row in shown:
        if row["detail"]:
            say(f"{printable(row['path'])}: {row['verdict']}: {printable(row['detail'])}")
    if len(shown) > 1:
        say(", ".join(f"{number} {verdict}" for verdict, number in counts.most_common()))
    if empty := [path for path in paths if path.is_dir() and not any(_files([path]))]:
        raise NotFound(f"nothing to check in {', '.join(map(str, empty))}: no model file is there")
    return 0 if counts.total() == counts["ok"] else 1


def _counted(rows: Iterator[Row], counts: Counter[str]) -> Iterator[Row]:
    for row in rows:
        counts[row["reason"] or "ok"] += 1
        yield row


def _short(row: Row) -> Row:
    """What people are shown: of the modules, how many the backbone has."""
    matched = row.get("n_modules_matched")
    modules = row.get("n_modules") if matched is None else f"{matched} of {row['n_modules']}"
    facts = {name: row.get(name) for name in (*_COLUMNS, "detail")}
    return facts | {"verdict": row["reason"] or "ok", "modules": modules}


def _start() -> None:
    """Keep the collector of cycles from walking the modules again for every header."""
    gc.freeze()
    gc.set_threshold(50_000)


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield every file, and whether it is a link that is not followed."""
    for path in paths:
        if not path.is_dir():
            yield path, False
            continue
        for parent, folders, names in os.walk(path):
            folders.sort()
            for name in sorted([*names, *(folder for folder in folders if os.path.islink(f"{parent}/{folder}"))]):
                inside = Path(parent) / name
                if is_link := inside.is_symlink():
                    yield inside, is_link
                elif inside.suffix.lower() in MODEL_ENDINGS:
                    yield inside, False


def _validated(found: tuple[Path, bool], *, headers_only: bool, with_metadata: bool) -> Row:
    path, is_link = found
    shown = os.fsencode(path).decode(errors="backslashreplace")  # a name need not be UTF-8
    if is_link:
        return _refused(shown, Reason.LINK, "a symbolic link, which is not followed")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return _refused(shown, Reason.NOT_SAFETENSORS, "a pipe or a device")
        verdict = _examined(path, headers_only)
    except (OSError, ValueError) as exc:
        return _refused(shown, Reason.MISSING_FILE, getattr(exc, "strerror", None) or str(exc))
    reason = None if verdict.reason is None else str(verdict.reason)
    facts = asdict(verdict.file if with_metadata else replace(verdict.file, metadata={}))
    facts["lora_id"] = facts["lora_id"] or None
    return {"path": shown, "ok": reason is None, "reason": reason, **facts, "detail": verdict.detail}


def _examined(path: Path, headers_only: bool) -> Examined:
    stated_scale = stated_beside(path)
    if headers_only:
        return inspect_header(path, stated_scale)
    with tempfile.TemporaryDirectory(prefix="carlos-validate-") as room:
        return examine_file(path, unpack_to=Path(room) / "unpacked", stated_scale=stated_scale)


def _refused(path: str, reason: Reason, detail: str) -> Row:
    return {"path": path, "ok": False, "reason": str(reason), "detail": detail}
