"""The transparency report of a month, and statements of reasons."""
