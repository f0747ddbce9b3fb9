"""Tables of the documentation, from what the code says: commands, settings, DAGs, reasons, sidecars, recipes.

The pages name them where they stand: cog runs `<!-- [[[cog tables.settings() ]]] -->` and puts what is printed below.
`make tables` writes them anew; `make check` fails where one differs. A text that names a page, as in
"docs/sql.md says what is there", gets a link to it: command line and settings show the same text without one.
"""

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer.core import TyperArgument, TyperCommand, TyperOption

REPOSITORY = Path(__file__).parents[1]

#: A command with more options than this has them in its help alone.
MOST_OPTIONS = 3
_PAGE = re.compile(r"docs/([a-z-]+)\.md(?:#([a-z-]+))?")


def commands() -> None:
    """Each command of `carlos`: how it is written, and the text of its help."""
    from typer.core import TyperCommand, TyperGroup
    from typer.main import get_group

    from carlos_tasks.cli import app_of

    def rows(group: TyperGroup, path: str) -> Iterable[tuple[str, str]]:
        for name, command in group.commands.items():
            if isinstance(command, TyperGroup):
                yield from rows(command, f"{path} {name}")
            elif isinstance(command, TyperCommand):
                yield f"`{' '.join([path, name, *_usage(command)])}`", command.help or ""

    _print_table(("command", "what it does"), rows(get_group(app_of()), "carlos"))


def settings() -> None:
    """Each setting: its variable, its default, its description."""
    from carlos_tasks.settings import Settings

    rows = [
        (
            f"`CARLOS_{name.upper()}`",
            "empty" if field.default == "" else f"`{field.default}`",
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
    _print_table(("variable", "default", "meaning"), rows)


def dags() -> None:
    """Each DAG: what starts it, and what it does; read without importing Airflow."""
    functions = [
        (function, decorator)
        for path in sorted((REPOSITORY / "dags").glob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "dag"
    ]
    rows = [
        (f"`{function.name}`", _start(decorator), (ast.get_docstring(function) or "").split("\n\n")[0])
        for function, decorator in functions
    ]
    _print_table(("DAG", "starts", "what it does"), rows)


def reasons() -> None:
    """Each reason why a file is refused: its code and what that means."""
    from carlos_tasks.untrusted.reasons import Reason

    _print_table(("code", "what it means"), [(f"`{reason.value}`", reason.meaning) for reason in Reason])


def faults() -> None:
    """Each fault of an object that a commit or a verification finds: its code and what that means."""
    from carlos_tasks.lake.damage import Fault

    _print_table(("fault", "what it means"), [(f"`{fault.value}`", fault.meaning) for fault in Fault])


def sidecars() -> None:
    """Each sidecar in the order in which they count: its name, who writes it, what it holds."""
    from carlos_tasks.sources.beside.forms import FORMS

    rows = [(f"`x{form.ending}`", form.writers, form.holds) for form in FORMS]
    _print_table(("beside `x.safetensors`", "written by", "holds"), rows)


def recipes() -> None:
    """Each recipe of the Makefile and its line of help."""
    found = re.findall(r"^([a-z-]+):.*## (.*)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    _print_table(("recipe", "what it does"), [(f"`make {name}`", text) for name, text in found])


def _usage(command: "TyperCommand") -> list[str]:
    """How a command is written: its arguments, the options it needs, and the others where they are few."""
    from typer.core import TyperArgument, TyperOption

    arguments = [_argument(param) for param in command.params if isinstance(param, TyperArgument)]
    options = [param for param in command.params if isinstance(param, TyperOption) and param.name != "as_json"]
    needed = [_option(option) for option in options if option.required]
    others = [f"[{_option(option)}]" for option in options if not option.required]
    return [*arguments, *needed, *(others if len(others) <= MOST_OPTIONS else ["[OPTION…]"])]


def _argument(argument: "TyperArgument") -> str:
    name = f"{argument.metavar}{'…' if argument.nargs == -1 else ''}"
    return name if argument.required else f"[{name}]"


def _option(option: "TyperOption") -> str:
    return option.opts[0] if option.is_flag else f"{option.opts[0]} {option.metavar or '…'}"


def _start(decorator: ast.Call) -> str:
    """What starts a DAG: a time, an asset as `orchestration` describes it, or a person."""
    from cron_descriptor import Options, get_description

    (schedule,) = [keyword.value for keyword in decorator.keywords if keyword.arg == "schedule"]
    if isinstance(schedule, ast.Name | ast.Attribute):
        return _described(schedule.id if isinstance(schedule, ast.Name) else schedule.attr)
    cron = ast.literal_eval(schedule)
    return f"{get_description(cron, Options(use_24hour_time_format=True))} (UTC)" if cron else "By hand"


def _described(name: str) -> str:
    """The text below a constant of `carlos_tasks.nightly.orchestration`."""
    (path,) = (REPOSITORY / "carlos_tasks").rglob("orchestration.py")
    body = ast.parse(path.read_text()).body
    (at,) = [i for i, line in enumerate(body) if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == name]
    text: str = ast.literal_eval(ast.unparse(body[at + 1]))
    return text.rstrip(".")


def _print_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    print(f"| {' | '.join(head)} |")
    print("|---" * len(head) + "|")
    for row in rows:
        print(f"| {' | '.join(_cell(text) for text in row)} |")


def _cell(text: str) -> str:
    """One line, with links to the pages that it names."""
    return _PAGE.sub(_link, " ".join(text.split()).replace("|", "\\|"))


def _link(page: re.Match[str]) -> str:
    name, anchor = page.groups()
    return f"[{(anchor or name).replace('-', ' ')}]({name}.md{f'#{anchor}' if anchor else ''})"
