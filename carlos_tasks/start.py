"""The command `carlos`, from its first moment on: signals are watched before anything else is imported.

Reading the command line and its libraries takes a third of a second, in which somebody may press Ctrl-C too.
"""

import gc
import os
import sys
from typing import NoReturn

from carlos_tasks.interruption import ending_on_signals, was_interrupted


def main() -> NoReturn:
    """Run the command that the command line names, and end the process with its exit code."""
    ending_on_signals(run_command)


def run_command() -> int:
    """Run the command; returns the exit code. An error nobody thought of is one line, and with `-v` a traceback."""
    # Imports make many objects, of which next to nothing is garbage: they are searched for it less often.
    gc.set_threshold(100_000, 10, 10)
    # Pydantic would look for plugins in everything that is installed, which takes as long as its own import.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    try:
        from carlos_tasks.cli import main as carlos

        return carlos()
    except SystemExit as answered:  # help, the version, wrong usage
        return answered.code if isinstance(answered.code, int) else int(answered.code is not None)
    except Exception as exc:
        if was_interrupted() or _is_verbose():
            raise
        said = " ".join(str(exc).split())[:300]
        said = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in said)
        print(f"carlos: internal error: {type(exc).__name__}: {said} (carlos -v shows where)", file=sys.stderr)
        return 1


def _is_verbose() -> bool:
    """Tell whether `carlos -v` was asked for: before the command, where the option belongs."""
    given = sys.argv[1:2]
    return given in (["-v"], ["--verbose"])


if __name__ == "__main__":
    main()
