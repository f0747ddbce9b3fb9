"""Verifying the lake: whether the bytes are those that were written, and the numbers those that the SQL computes."""
