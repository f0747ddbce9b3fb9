"""Takes over the index that the paper's authors published, under a profile of its own (`carlos-published`).

Its rows are searched, compared and reported on like any other representation, and nothing is generated under their
profile. With the authors' prompts, which do not ship, LoRAs can be measured as theirs were (`sdxl-published`): searches
of that profile rank both.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from carlos_tasks.commit.alike import add_alike
from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.intake.commit import TAKEN, add_intake
from carlos_tasks.intake.rows import listing_row, rejection_row
from carlos_tasks.intake.schema import INTAKE_SCHEMA
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.register import register_profile, registered
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.lora.check import CHECKS_VERSION, LoraFile, sha256_of
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.profiles.prompts import PromptFile, published_indexing_prompts
from carlos_tasks.settings import Settings
from carlos_tasks.sources.listing import Rejection
from carlos_tasks.sources.published import FILE_ID, PublishedRow, read_published
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import prompt_file_key
from carlos_tasks.store.objects import ObjectInfo

PROFILE = "carlos-published"
#: The profile under which LoRAs are measured as the authors measured theirs.
MEASURED = "sdxl-published"
SOURCE_URI = "published:carlos_published_representations.parquet"
# As the authors state them (paper, section 4): every row was measured on the same pairs.
N_PROMPTS, N_IMAGES_PER_PROMPT = 280, 16
_MAX_PROMPT_BYTES = 16 * 2**20  # the published one has 45 kB
_REPRESENTATION = pa.schema(
    [
        pa.field("lora_id", pa.string(), nullable=False),
        pa.field("direction", pa.list_(pa.float32())),
        pa.field("strength", pa.float64()),
        pa.field("consistency", pa.float64()),
    ]
)


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows of the table: n_rows = n_imported + n_known + n_rejected. `n_prompts` came with it."""

    profile: str
    profile_id: str
    n_rows: int
    n_imported: int
    n_known: int
    n_rejected: int
    by_reason: dict[str, int]
    n_prompts: int


def import_published(
    settings: Settings, path: Path, prompts: Path | None = None, profile_name: str = PROFILE
) -> ImportReport:
    """Import the published table into the lake, in one transaction; a second import of the same changes nothing.

    Args:
        settings: where the lake lies.
        path: the table.
        prompts: the file of the prompts that it was measured with; it goes into the store, and the profile
            `sdxl-published` into the lake.
        profile_name: the imported profile that the rows are of.

    Raises:
        NotFound: there is no such file.
        PermanentError: it is not the published table, or a row differs from what was imported before; or the prompts
            are not those that the profile names.
    """
    profile = load_profile(profile_name)
    n_prompts = 0 if prompts is None else _keep_prompts(settings, profile.identity.prompts, prompts)
    records = list(read_published(path))
    rows = [record for record in records if isinstance(record, PublishedRow)]
    refused = [record for record in records if isinstance(record, Rejection)]
    facts: dict[str, Any] = {"profile_id": profile.profile_id, "n_rows": len(records)}
    with connect(settings, read_only=False) as con, lake_errors():
        migrate(con)
        with transaction(con, "import", facts):
            register_profile(con, profile)
            if n_prompts:
                register_profile(con, load_profile(MEASURED))
            shard = _shard_of(path)
            add_intake(con, _taken(shard, len(rows), len(refused)), _seen(shard, rows, refused))
            n_imported = _add_representations(con, profile.profile_id, rows)
            add_alike(con, profile.profile_id)
    by_reason = Counter(str(rejection.reason) for rejection in refused)
    return ImportReport(
        profile=profile.name,
        profile_id=profile.profile_id,
        n_rows=len(records),
        n_imported=n_imported,
        n_known=len(rows) - n_imported,
        n_rejected=len(refused),
        by_reason=dict(sorted(by_reason.items())),
        n_prompts=n_prompts,
    )


def _keep_prompts(settings: Settings, named: PromptFile, path: Path) -> int:
    """Put the prompt file into the store, where whoever measures with it reads it; returns how many prompts it has."""
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    if path.stat().st_size > _MAX_PROMPT_BYTES:
        raise PermanentError(f"{path} is larger than any prompt file: {path.stat().st_size} bytes")
    data = path.read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != named.sha256:
        raise PermanentError(f"{path} is not the prompts that the index was measured with: its SHA-256 is {found}")
    n_prompts = len(published_indexing_prompts(data).prompts)
    open_store(settings.store).write(prompt_file_key(named.sha256), data)
    return n_prompts


def _shard_of(path: Path) -> ObjectInfo:
    """Return the table as a shard of its own source: whatever the file is called, it is the same one."""
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return ObjectInfo(FILE_ID, path.stat().st_size, modified, sha256_of(path))


def _taken(shard: ObjectInfo, n_listings: int, n_rejections: int) -> pa.Table:
    row = {
        "source_uri": SOURCE_URI,
        "shard_key": shard.key,
        "etag": shard.etag,
        "last_modified": shard.last_modified,
        "checks_version": CHECKS_VERSION,
        "max_bytes": 0,  # it has no files
        "is_complete": True,
        "n_records": n_listings + n_rejections,
        "n_listings": n_listings,
        "n_rejections": n_rejections,
    }
    return pa.Table.from_pylist([row], schema=TAKEN)


def _seen(shard: ObjectInfo, rows: Sequence[PublishedRow], refused: Sequence[Rejection]) -> pa.Table:
    seen = [_listed(row, shard) for row in rows] + [rejection_row(row, shard, None) for row in refused]
    return pa.Table.from_pylist(seen, schema=INTAKE_SCHEMA)


def _listed(row: PublishedRow, shard: ObjectInfo) -> dict[str, Any]:
    unread = LoraFile(
        lora_id=row.lora_id,
        size_bytes=0,
        base_model="sdxl",
        base_model_evidence="the published index holds LoRAs of SDXL only",
    )
    listed = listing_row(row.listing, shard, unread)
    bytes_are_not_here = {"file_key": None, "size_bytes": None, "family": None, "n_modules": None}
    return listed | {"lora": listed["lora"] | bytes_are_not_here}


def _add_representations(con: duckdb.DuckDBPyConnection, profile_id: str, rows: Sequence[PublishedRow]) -> int:
    columns = [[getattr(row, name) for row in rows] for name in _REPRESENTATION.names]
    published = pa.table(columns, schema=_REPRESENTATION)
    with registered(con, "published", published):
        (n_differing,) = con.execute(
            "select count(*) from published inner join core.representation as known using (lora_id) "
            "where known.profile_id = $profile_id and (known.direction, known.strength, known.consistency) "
            "is distinct from (published.direction, published.strength, published.consistency)",
            {"profile_id": profile_id},
        ).fetchall()[0]
        if n_differing:
            raise PermanentError(f"{n_differing} rows differ from those imported before: this is another index")
        return run_statement(
            con,
            "add_published",
            {"profile_id": profile_id, "n_pairs": N_PROMPTS * N_IMAGES_PER_PROMPT, "n_prompts": N_PROMPTS},
        )
