"""How a command's arguments are read, where typer alone would read them otherwise.

An option takes what its metavar says: `FILE…` one value or more (`--image a.png b.png`), `[COSINE]` one or none
(`--group`), everything else exactly one, which is never another option (`--by --reasons` names nobody). An argument
that starts with a dash and holds a space is a text, as SQL that begins with a comment is.
"""

import inspect
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperOption

if TYPE_CHECKING:
    from typer._click import Context  # what typer's own methods take; typer.Context is a subclass of it

_NUMBER = re.compile(r"-\d+|-\d*\.\d+")


class Command(TyperCommand):
    """A command of `carlos`: its arguments are read as this module says."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Read the arguments; while a shell completes them they are not whole yet, and left as they are."""
        if not ctx.resilient_parsing:
            options = [param for param in self.get_params(ctx) if isinstance(param, TyperOption)]
            try:
                args = spelled_out(args, options)
            except ValueError as exc:
                ctx.fail(str(exc))
        return super().parse_args(ctx, args)


def spelled_out(arguments: Sequence[str], options: Sequence[TyperOption]) -> list[str]:
    """Write every option with one value, and behind `--` what belongs to none.

        ["a sketch", "--image", "a.png", "b.png", "--group"]
        ["--image", "a.png", "--image", "b.png", "--group", "", "--", "a sketch"]

    Args:
        arguments: what stands behind the command on the command line.
        options: those of the command. One that may stand without a value gets an empty one.

    Raises:
        ValueError: an option lacks its value, or has one and takes none.
    """
    by_name = {name: option for option in options for name in option.opts}
    spelled: list[str] = []
    others: list[str] = []
    rest = deque(arguments)
    while rest:
        argument = rest.popleft()
        name, equals, value = argument.partition("=")
        option = by_name.get(name)
        if argument == "--":
            others += rest
            break
        if not _is_option(argument, by_name):
            others.append(argument)
        elif option is None:
            spelled.append(argument)  # typer says that there is none
        elif option.is_flag:
            if equals:
                raise ValueError(f"Option '{name}' does not take a value.")
            spelled.append(argument)
        else:
            values = [value] if equals else _values(option, rest, by_name)
            if not values:
                raise ValueError(f"Option '{name}' requires an argument.")
            spelled += [part for one in values for part in (name, one)]
    return [*spelled, "--", *others]


def _values(option: TyperOption, rest: deque[str], by_name: dict[str, TyperOption]) -> list[str]:
    """Take the values of an option from the front of the rest."""
    metavar = option.metavar or ""
    most = len(rest) if option.multiple and metavar.endswith("…") else 1
    values: list[str] = []
    while rest and len(values) < most and not _is_option(rest[0], by_name):
        values.append(rest.popleft())
    return values or ([""] if metavar.startswith("[") else [])


def _is_option(argument: str, by_name: dict[str, TyperOption]) -> bool:
    if argument.partition("=")[0] in by_name:
        return True
    return argument.startswith("-") and argument != "-" and " " not in argument and not _NUMBER.fullmatch(argument)


def with_option_groups(command: Callable[..., int]) -> Callable[..., int]:
    """Let typer see each field of the command's dataclass parameters as a parameter of the command.

    Options that several commands share, or that are many, stand in a dataclass once; the command gets it filled.
    """
    signature = inspect.signature(command)
    annotations = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    groups = {name: kind for name, kind in annotations.items() if isinstance(kind, type) and is_dataclass(kind)}

    @wraps(command)
    def run(**given: Any) -> int:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return command(**given)

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, declared in signature.parameters.items()
        for parameter in (inspect.signature(groups[name]).parameters.values() if name in groups else [declared])
    ]
    run.__dict__["__signature__"] = signature.replace(parameters=parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
