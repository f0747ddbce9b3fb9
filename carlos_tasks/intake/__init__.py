"""Taking files in: what is new at a source, each file checked, kept or quarantined, and committed."""
