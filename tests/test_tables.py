"""The generated tables: what they hold, and that a page which differs from the code is told."""

from pathlib import Path

import pytest
from cogapp import Cog

from scripts import tables

REPOSITORY = Path(__file__).parents[1]


def check(page: Path) -> int:
    """As `make check` does."""
    return Cog().main(["cog", "-P", "-I", str(REPOSITORY / "scripts"), "-p", "import tables", "--check", str(page)])


def rows(printed: str) -> dict[str, list[str]]:
    """The cells of a table by its first column."""
    cells = [line.strip("| ").split(" | ") for line in printed.splitlines()[2:]]
    return {first: rest for first, *rest in cells}


@pytest.mark.parametrize(
    ("page", "stated", "other"),
    [
        ("docs/operations.md", "| `CARLOS_MAX_FILE_MB` | `4096` |", "| `CARLOS_MAX_FILE_MB` | `8192` |"),
        ("docs/operations.md", "| `decide_batch` | By hand |", "| `decide_batch` | At 02:00 (UTC) |"),
        ("docs/command-line.md", "`carlos ingest SOURCE [--again] [--sweep]`", "`carlos ingest SOURCE`"),
        ("docs/refusals.md", "| `empty_file` | The file has no bytes. |\n", ""),
        ("docs/sources.md", "| `x.cm-info.json` | Stability Matrix |", "| `x.cm-info.json` | somebody |"),
        ("CONTRIBUTING.md", "| `make check` | ruff, ruff format", "| `make check` | ruff format"),
    ],
)
def test_a_page_that_differs_from_the_code_is_told(page: str, stated: str, other: str, tmp_path: Path) -> None:
    text = (REPOSITORY / page).read_text()
    assert stated in text
    copy = tmp_path / "page.md"
    copy.write_text(text)
    assert check(copy) == 0
    copy.write_text(text.replace(stated, other))
    assert check(copy) != 0


def test_a_command_is_written_with_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    tables.commands()
    written = list(rows(capsys.readouterr().out))
    assert "`carlos decide ACTION LORA_ID… --by NAME [OPTION…]`" in written
    assert "`carlos queries [TEXT…]`" in written
    assert "`carlos report moderation --out DIR [--since DATE]`" in written


def test_a_page_that_is_named_is_linked(capsys: pytest.CaptureFixture[str]) -> None:
    tables.commands()
    found = rows(capsys.readouterr().out)
    assert found["`carlos sql SQL [OPTION…]`"][-1].endswith("; [sql](sql.md) says what is there.")
    assert "[decisions](moderation.md#decisions)" in found["`carlos decide ACTION LORA_ID… --by NAME [OPTION…]`"][-1]


def test_what_starts_a_dag_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    tables.dags()
    starts = {dag: cells[0] for dag, cells in rows(capsys.readouterr().out).items()}
    assert starts["`evaluate_index`"] == "At 06:00, only on Sunday (UTC)"
    assert "`lora_shards`" in starts["`index_loras`"]
    assert starts["`decide_batch`"] == "By hand"
