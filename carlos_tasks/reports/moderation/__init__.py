"""The moderation report: what is new, what waits and why, what was decided."""
