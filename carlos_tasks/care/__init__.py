"""Care for the lake: small files are merged, old snapshots expired, what nothing needs removed; backups and restores."""
