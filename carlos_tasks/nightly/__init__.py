"""The nightly index: its stages, one function each, and what the DAGs around them share."""
