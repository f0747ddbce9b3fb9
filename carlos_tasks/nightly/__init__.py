"""The nightly index: its stages, one function each, and what the DAGs around them share."""

from carlos_tasks.nightly.stages import discover

__all__ = ["discover"]
