"""Care for the lake: merging small files, expiring snapshots, removing what nothing needs; backups and restores."""
