"""`python -m carlos_tasks.stack demo|up|down|status`: the local stack by hand."""

import argparse
import sys

from rich.console import Console

from carlos_tasks.console import printable
from carlos_tasks.errors import CarlosError
from carlos_tasks.stack import demo, hand


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m carlos_tasks.stack", description=__doc__)
    commands = {"demo": demo.run_demo, "up": hand.up, "down": hand.down, "status": hand.status}
    parser.add_argument("command", choices=commands)
    try:
        commands[parser.parse_args(arguments).command](Console())
    except CarlosError as exc:
        # A log's last lines are no markup, and drive no terminal.
        said = "\n".join(map(printable, str(exc).splitlines()))
        Console(stderr=True).print(f"error: {said}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
