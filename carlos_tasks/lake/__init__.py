"""The lake: object storage, embedding shards, the DuckLake catalog and the one commit that fills it."""
