"""The local stack: `carlos demo`, `up`, `down`."""

import typer

from carlos_tasks.commands.arguments import Command

app = typer.Typer()


@app.command(cls=Command)
def demo() -> int:
    """Run the nightly index over the micro world.

    It runs under a real Airflow, and what it found is shown at the end.
    """
    return _stack("demo")


@app.command(cls=Command)
def up() -> int:
    """Start the local stack: Airflow and an S3 server.

    Both stay running on this machine.
    """
    return _stack("up")


@app.command(cls=Command)
def down() -> int:
    """End what `carlos up` started."""
    return _stack("down")


def _stack(command: str) -> int:
    from carlos_tasks.stack.__main__ import main as stack

    return stack([command])
