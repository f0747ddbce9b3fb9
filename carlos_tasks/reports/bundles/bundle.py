"""A report as a folder: the page, its print, the tables, JSON, and a manifest of hashes that says what belongs to it.

The manifest is written last, as canonical JSON, and names when the report was made, whose pictures it shows, and the
head of the ledger then. Nothing else tells the time but a page that tells what is overdue, and says as of when; so the
tables and the JSON of the same report of the same state of the lake have the same bytes. Beside the manifest lies its
seal: the signature, and its entry in the ledger (`reports.bundles.seal`). A folder without a manifest is a report that
was never finished.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import orjson
import pyarrow as pa

from carlos_tasks.aliases import Json, Row
from carlos_tasks.errors import CarlosError
from carlos_tasks.ledger.canonical import canonical_json
from carlos_tasks.ledger.keys import Signer
from carlos_tasks.reports.bundles.json_text import json_bytes
from carlos_tasks.reports.bundles.print_pdf import pdf_of
from carlos_tasks.reports.bundles.seal import MANIFEST, REDACTIONS, RELEASE, SEAL, seal_of
from carlos_tasks.reports.bundles.tables import arrow_table, csv_bytes, parquet_bytes, plain_rows
from carlos_tasks.store.objects import checked_key

log = logging.getLogger(__name__)

Table: TypeAlias = Sequence[Row] | pa.Table

#: What may lie beside the files that the manifest lists.
BESIDE = (SEAL, RELEASE, REDACTIONS)
#: Facts that do not follow from the state of the lake.
MANIFEST_ONLY = frozenset({"created_at", "ledger", "kept_at", "pictures_of"})
#: Rows of a table that stand in the JSON as well; CSV and parquet have all.
MAX_JSON_ROWS = 1000


def write_bundle(
    folder: Path,
    name: str,
    *,
    facts: Json,
    tables: Mapping[str, Table],
    html: str,
    print_html: str,
    files: Mapping[str, bytes] | None = None,
    signer: Signer | None = None,
) -> Json:
    """Write a report.

    Args:
        folder: where; made if it is not there. The report that lies there is removed, whole.
        name: of the report; `<name>.html`, `<name>.pdf` and `<name>.json` bear it.
        facts: what it is of: `profile_id`, `snapshot_id`, `code_version`, `created_at`, and what else a reader of the
            JSON wants. All of it stands in the manifest, and all but `MANIFEST_ONLY` in the JSON.
        tables: rows by name of the table, each a CSV and a parquet file below `tables/`. An arrow table keeps its
            columns where it has no rows.
        html: the page, complete in itself.
        print_html: the page for print; where the system's Pango is absent, there is no PDF, and the manifest says so.
        files: further files by their path below the folder.
        signer: the deployment's key; None: the report is not signed.

    Returns:
        The manifest: facts, `files` (path, sha256, bytes) and `left_out` (what could not be written, and why).

    Raises:
        CarlosError: the folder cannot be written, or another report is being written to it.
    """
    contents = report_files(name, facts, tables, html, files or {})
    pdf, problem = pdf_of(print_html)
    if pdf is not None:
        printed = chain(contents, [(f"{name}.pdf", pdf)])
        return write_files(folder, name, facts=facts, contents=printed, signer=signer)
    log.warning("no PDF: %s", problem)
    left_out = [{"path": f"{name}.pdf", "reason": problem}]
    return write_files(folder, name, facts=facts, contents=contents, left_out=left_out, signer=signer)


def write_files(
    folder: Path,
    name: str,
    *,
    facts: Json,
    contents: Iterable[tuple[str, bytes]],
    left_out: Sequence[Json] = (),
    signer: Signer | None = None,
) -> Json:
    """Write the files of a report one after the other, and then the manifest.

    Args:
        folder: where; made if it is not there. The report that lies there is removed, whole.
        name: of the report.
        facts: what it is of; all of it stands in the manifest.
        contents: path below the folder and bytes of each file.
        left_out: `path` and `reason` of what could not be had; no file of an earlier report stays in its place.
        signer: the deployment's key; None: the report is not signed.

    Returns:
        The manifest.

    Raises:
        CarlosError: the folder cannot be written, or another report is being written to it.
    """
    try:
        with _alone_in(folder):
            _remove(folder)
            written = [_write(folder, path, content) for path, content in contents]
            for missing in left_out:
                (folder / missing["path"]).unlink(missing_ok=True)
            manifest = {
                "report": name,
                **facts,
                "files": sorted(written, key=lambda file: str(file["path"])),
                "left_out": list(left_out),
                "signed_by": signer.key_id if signer else None,
            }
            data = canonical_json(orjson.loads(json_bytes(manifest)))
            _write(folder, SEAL, seal_of(data, signer).to_json())
            _write(folder, MANIFEST, data)
    except OSError as exc:
        raise CarlosError(f"cannot write the report to {folder}: {exc.strerror or exc} (name another --out)") from exc
    return manifest


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes that write a report to it; whoever dies lets go of it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise CarlosError(f"another report is being written to {folder}: wait for it, or name another --out") from exc
    finally:
        os.close(handle)


def _remove(folder: Path) -> None:
    """Remove the report of a folder, its manifest last; what is no part of it stays."""
    manifest = folder / MANIFEST
    try:
        listed = [folder / checked_key(file["path"]) for file in orjson.loads(manifest.read_bytes())["files"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        listed = []  # there is none, or it is none of ours
    for path in listed:
        path.unlink(missing_ok=True)
    for own in (*BESIDE, MANIFEST):
        (folder / own).unlink(missing_ok=True)


def report_files(
    name: str, facts: Json, tables: Mapping[str, Table], html: str, files: Mapping[str, bytes]
) -> Iterable[tuple[str, bytes]]:
    """Yield path and bytes of all files of a report but the PDF and the manifest; arguments as `write_bundle`."""
    yield f"{name}.html", html.encode()
    told: Json = {key: value for key, value in facts.items() if key not in MANIFEST_ONLY}
    told["tables"] = {}
    for table_name, given in tables.items():
        table = arrow_table(given)
        paths = {"csv": f"tables/{table_name}.csv", "parquet": f"tables/{table_name}.parquet"}
        rows = plain_rows(table.slice(0, MAX_JSON_ROWS))
        told["tables"][table_name] = {"n_rows": table.num_rows, **paths, "rows": rows}
        yield paths["csv"], csv_bytes(table)
        yield paths["parquet"], parquet_bytes(table)
    yield f"{name}.json", json_bytes({"report": name, **told})
    yield from files.items()


def _write(folder: Path, path: str, content: bytes) -> Json:
    target = folder / checked_key(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
