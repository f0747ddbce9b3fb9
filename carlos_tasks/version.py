"""The version of CARLoS: what the package, the outcomes of a worker and reports call it."""

__version__ = "0.1.0"
