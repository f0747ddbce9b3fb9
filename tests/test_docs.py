"""What users meet is documented (settings, DAGs, commands, recipes, SQL objects, reasons), and links lead somewhere."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.sql.lake_rows import Row, Rows, fill

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md"), *(REPOSITORY / "carlos_tasks").rglob("*.md")])

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")  # pictures too
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SQL_OBJECT = re.compile(
    r"create\s+(?:or\s+replace\s+)?(table|view|macro)\s+(?:if\s+not\s+exists\s+)?([a-z_]+\.[a-z_]+)", re.IGNORECASE
)


def read(*names: str) -> str:
    """The text of these files of the repository, one after the other."""
    return "\n".join((REPOSITORY / name).read_text() for name in names)


def table_keys(text: str) -> list[str]:
    """What stands in code quotes in the first column of a page's tables."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as web hosts of git make them."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_setting_is_documented_and_no_other():
    from carlos_tasks.settings import Settings

    documented = {key for key in table_keys(read("docs/operations.md")) if re.fullmatch("CARLOS_[A-Z_]+", key)}
    assert documented == {f"CARLOS_{name.upper()}" for name in Settings.model_fields}


def test_defaults_in_the_documentation_are_those_of_the_code():
    from carlos_tasks.settings import Settings

    rows = re.findall(r"^\| `CARLOS_([A-Z_]+)` \| (\S+) \|", read("docs/operations.md"), re.MULTILINE)
    stated = {name.lower(): "" if value == "empty" else value.strip("`") for name, value in rows}
    assert stated == {name: str(field.default) for name, field in Settings.model_fields.items()}


def dag_ids() -> list[str]:
    """Names of the functions that `@dag` decorates."""
    trees = [ast.parse(path.read_text()) for path in sorted((REPOSITORY / "dags").rglob("*.py"))]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [f.name for f in functions if any(ast.unparse(d).split("(")[0] == "dag" for d in f.decorator_list)]


def test_every_dag_is_documented():
    assert len(dag_ids()) >= 2
    missing = set(dag_ids()) - set(table_keys(read("docs/operations.md")))
    assert not missing


def test_every_pool_is_documented():
    pools = json.loads(read("dags/pools.json"))
    page = read("docs/operations.md")
    assert not [pool for pool in pools if f"`{pool}`" not in page]


def test_every_command_is_documented_and_no_other():
    from typer.main import get_group

    from carlos_tasks.cli import app_of

    rows = re.findall(r"^\| `carlos ([a-z-]+)", read("docs/command-line.md"), re.MULTILINE)
    assert sorted(set(rows)) == sorted(get_group(app_of()).commands)


def test_the_commands_that_print_json_are_listed():
    from typer.core import TyperGroup
    from typer.main import get_group

    from carlos_tasks.cli import app_of

    def prints_json(command: Any) -> bool:
        if isinstance(command, TyperGroup):
            return all(prints_json(one) for one in command.commands.values())
        return any("--json" in param.opts for param in command.params)

    (listed,) = re.findall(r"These commands have it: (.*?)\.\n\n", read("docs/command-line.md"), re.DOTALL)
    commands = get_group(app_of()).commands
    assert set(re.findall(r"`([a-z-]+)`", listed)) == {name for name in commands if prints_json(commands[name])}


def test_every_recipe_is_documented_and_has_a_line_of_help():
    recipes = re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE)
    helped = re.findall(r"^([a-z-]+):.*## \S", read("Makefile"), re.MULTILINE)
    assert sorted(recipes) == sorted(helped)
    pages = re.sub(r"\s+", " ", read("README.md", "CONTRIBUTING.md"))
    assert not [recipe for recipe in recipes if f"make {recipe}" not in pages]


def sql_objects() -> dict[str, str]:
    """Tables, views and macros of the lake, with what each is; `core` macros are the views' own tools."""
    from carlos_tasks.lake.sql_files import sql_files

    found = {}
    for file in sql_files():
        for kind, name in SQL_OBJECT.findall(file.text):
            found[name.lower()] = kind.lower()
    return found


def test_every_sql_object_is_documented():
    objects = sql_objects()
    assert {"raw.listing", "core.lora"} <= set(objects)
    page = read("docs/sql.md")
    assert not [name for name in objects if f"`{name}" not in page]


def test_the_sql_guide_names_nothing_that_is_not_there():
    named = set(re.findall(r"`((?:raw|core|mart)\.[a-z_]+)", read("docs/sql.md")))
    assert not named - set(sql_objects())


def test_every_check_is_documented_and_no_other():
    from carlos_tasks.lake.checks import check_names

    section = read("docs/sql.md").split("## Checks")[1].split("\n## ")[0]
    named = {
        name for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert named == set(check_names())


def test_every_reason_of_a_refusal_is_documented_with_its_meaning():
    from carlos_tasks.untrusted.reasons import Reason

    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (.+) \|$", read("docs/refusals.md"), re.MULTILINE)
    assert dict(rows) == {reason.value: reason.meaning for reason in Reason}


def test_every_fault_of_an_object_is_documented_with_its_meaning():
    from carlos_tasks.lake.damage import Fault

    section = read("docs/operations.md").split("## Verifying")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", section, re.MULTILINE)
    assert dict(rows) == {fault.value: fault.meaning for fault in Fault}


def test_every_decision_is_listed_and_says_why_and_what_it_costs():
    folder = DOCS / "decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert records
    assert re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text()) == records
    for name in records:
        text = (folder / name).read_text()
        assert text.startswith(f"# {name[:4]}: ")
        assert not [part for part in ("Situation", "Decision", "Why", "Cost") if f"\n**{part}.**" not in text], name


def test_every_figure_has_one_row_with_its_value_its_command_and_its_commit():
    rows = re.findall(r"^\| (?!what )(.+) \|$", read("docs/figures.md"), re.MULTILINE)
    cells = [row.split(" | ") for row in rows]
    assert len(cells) >= 50
    assert not [row for row in cells if len(row) != 4 or not re.fullmatch("`[0-9a-f]{7}`", row[3])]
    commands = {row[2] for row in cells}
    scripts = {command for text in commands for command in re.findall(r"benchmarks/\w+\.py", text)}
    assert not [script for script in scripts if not (REPOSITORY / script).is_file()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_relative_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(CODE_BLOCK.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def sql_examples() -> list[str]:
    """The SQL that the documentation shows, one block each."""
    blocks = []
    for page in sorted(DOCS.rglob("*.md")):
        blocks += re.findall(r"^```sql\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return blocks


def test_every_object_that_people_ask_has_an_example():
    shown = "\n".join(sql_examples())
    asked = {
        name for name, kind in sql_objects().items() if name.startswith("mart.") or name == "core.prompt_difference"
    }
    # Whoever asks mart.signal asks all of its parts.
    asked = {name for name in asked if not name.startswith("mart.signal_")}
    assert not [name for name in sorted(asked) if not re.search(rf"{re.escape(name)}\b", shown)]


UNSETTLED: Row = {"n_pairs": 30, "n_flagged": 0, "open": ["direction"]}
#: Rows of which each example has something to tell; the ids are those that the examples name.
INDEX: Rows = {
    "raw.listing": [
        {
            "lora_id": "3f2a91c0",
            "name": "Sketch",
            "nsfw_level": 1,
            "base_model_claimed": "SD 1.5",
            "base_model_named": "sd-1.5",
        },
        {"model_id": "2", "lora_id": "3f2a91c0", "name": "Sketch, uploaded again"},
        {"model_id": "3", "lora_id": "8d41e7aa", "name": "Drawing"},
        {"model_id": "4", "file_id": "2", "lora_id": None, "name": "Gone"},
    ],
    "raw.rejection": [{}],
    "raw.shard": [{}, {"committed_at": "2026-02-01 00:00:00+00"}],
    "raw.sighting": [{"model_id": "4", "file_id": "2"}],
    "core.lora": [
        {"lora_id": "3f2a91c0", "tensors_sha256": "x"},
        {"lora_id": "8d41e7aa", "tensors_sha256": "y"},
        {"lora_id": "edited", "tensors_sha256": "y"},
        {"lora_id": "waits"},
    ],
    "core.profile": [
        {
            "profile_id": "7f31a931d2d804c1",
            "text_space_id": "t",
            "definition": '{"lora": {"trigger_words": "append"}}',
        },
        {"profile_id": "without", "definition": '{"lora": {"trigger_words": "ignore"}}'},
    ],
    "core.threshold": [{"profile_id": "7f31a931d2d804c1", "name": "strength_min", "value": 0.5}],
    "core.prompt": [{"prompt_set": "s", "prompt_id": "p1", "category": "c", "text": "a red circle"}],
    "core.embedding": [
        {"profile_id": "7f31a931d2d804c1", "lora_id": "base"},
        {"profile_id": "7f31a931d2d804c1", "lora_id": "3f2a91c0", "embedding": [3.0, 4.0]},
    ],
    "core.outcome": [{"lora_id": "failed", "status": "failed", "attempted_at": "2026-01-01 00:00:00+00"}],
    "core.representation": [
        {"profile_id": "7f31a931d2d804c1", "lora_id": "3f2a91c0"},
        {"profile_id": "7f31a931d2d804c1", "lora_id": "8d41e7aa", "direction": [1.0, 0.1], **UNSETTLED},
        {"profile_id": "7f31a931d2d804c1", "lora_id": "nothing", "strength": 0.1},
        {"profile_id": "7f31a931d2d804c1", "lora_id": "hidden"},
    ],
    "core.prompt_difference": [{"profile_id": "7f31a931d2d804c1", "lora_id": "3f2a91c0"}],
    "core.alike": [
        {"profile_id": "7f31a931d2d804c1", "lora_id": "3f2a91c0", "other_id": "8d41e7aa", "cosine": 0.99995}
    ],
    "core.weight_sketch": [{"lora_id": "3f2a91c0", "change_norm": 1.0}, {"lora_id": "8d41e7aa", "change_norm": 2.0}],
    "core.lora_scale": [{"profile_id": "7f31a931d2d804c1", "lora_id": "3f2a91c0"}],
    "core.alike_weights": [
        {"lora_id": "3f2a91c0", "other_id": "8d41e7aa", "change_cosine": 0.95},
        {"lora_id": "8d41e7aa", "other_id": "waits"},
    ],
    "core.query": [{"text": "pencil sketch"}],
    "core.concept": [{"severity": 0.5, "declared_as": ["sketch"]}],
    "core.concept_score": [{"profile_id": "7f31a931d2d804c1", "lora_id": "3f2a91c0"}],
    "core.notice": [{"lora_id": "hidden"}],
    "core.decision": [
        {"lora_id": "hidden"},
        {"decision_id": "d2", "lora_id": "hidden", "action": "appeal", "refers_to": "d1"},
    ],
    "core.signing_key": [{}],
    "core.submission": [{}],
    "core.damage": [{"lora_id": "nothing", "resolved_at": None}],
}
#: Asks for the lake as it was before there was anything in it.
ANSWERS_NOTHING = "from core.representation at (version => 1)"


def test_the_documentations_sql_runs_and_answers(tmp_path):
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.settings import Settings
    from tests.lakes import migrated_lake

    settings = Settings(store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    migrated_lake(settings)
    with connect(settings, read_only=False) as lake:
        fill(lake, INDEX)
        silent = [statement for statement in sql_examples() if not lake.execute(statement).fetchall()]
    assert len(sql_examples()) >= 30
    assert len(silent) == 1
    assert ANSWERS_NOTHING in silent[0]
