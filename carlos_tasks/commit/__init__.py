"""The commit of what was measured: representations, what is alike, thresholds; one transaction."""
