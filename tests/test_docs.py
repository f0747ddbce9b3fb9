"""What users meet is documented (settings, DAGs, commands, recipes, SQL objects, reasons), and links lead somewhere."""

import argparse
import ast
import json
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md"), *(REPOSITORY / "carlos_tasks").rglob("*.md")])

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
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
    from carlos_tasks import cli

    parser = cli._parser()
    (commands,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    rows = re.findall(r"^\| `carlos ([a-z-]+)", read("docs/command-line.md"), re.MULTILINE)
    assert sorted(rows) == sorted(commands.choices)


def test_every_recipe_is_documented_and_has_a_line_of_help():
    recipes = re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE)
    helped = re.findall(r"^([a-z]+):.*## \S", read("Makefile"), re.MULTILINE)
    assert sorted(recipes) == sorted(helped)
    pages = re.sub(r"\s+", " ", read("README.md", "CONTRIBUTING.md"))
    assert not [recipe for recipe in recipes if f"make {recipe}" not in pages]


def sql_objects() -> dict[str, str]:
    """Tables, views and macros that sql/ creates, with what each is; `core` macros are the views' own tools."""
    found = {}
    for path in sorted((REPOSITORY / "sql").rglob("*.sql")):
        for kind, name in SQL_OBJECT.findall(path.read_text()):
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
    section = read("docs/sql.md").split("## Checks")[1].split("\n## ")[0]
    named = {
        name for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert named == {path.stem for path in (REPOSITORY / "sql" / "checks").glob("*.sql")}


def test_every_reason_of_a_refusal_is_documented_with_its_meaning():
    from carlos_tasks.lora.reasons import Reason

    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (.+) \|$", read("docs/refusals.md"), re.MULTILINE)
    assert dict(rows) == {reason.value: reason.meaning for reason in Reason}


def test_every_decision_is_listed_and_says_why_and_what_it_costs():
    folder = DOCS / "decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert records
    assert re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text()) == records
    for name in records:
        text = (folder / name).read_text()
        assert text.startswith(f"# {name[:4]}: ")
        assert not [part for part in ("Situation", "Decision", "Why", "Cost") if f"\n**{part}.**" not in text], name


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


def test_the_documentations_sql_runs(tmp_path):
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.migrate import migrate
    from carlos_tasks.settings import Settings

    settings = Settings(store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    with connect(settings, read_only=False) as lake:
        migrate(lake)
        assert len(sql_examples()) >= 8
        for statement in sql_examples():
            lake.execute(statement)
