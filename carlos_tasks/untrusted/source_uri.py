"""URIs of sources, `KIND:WHERE`: they name a source in settings, logs, partition keys and the lake."""

MAX_URI_CHARS = 160
KINDS = ("civitai-dump", "folder", "civitai", "hub")
#: Stands between source and shard in a partition key of Airflow.
BETWEEN = "!"


def check_source_uri(uri: str) -> None:
    """Check that a URI can name a source in partition keys, logs and the lake.

    Raises:
        ValueError: it cannot, or it names no kind of source.
    """
    kind, _, where = uri.partition(":")
    if kind not in KINDS or not where:
        raise ValueError(f"{uri!r} names no source; write KIND:WHERE with one of the kinds {', '.join(KINDS)}")
    if BETWEEN in uri or not uri.isprintable() or len(uri) > MAX_URI_CHARS:
        raise ValueError(f"the source {uri[:40]!r}… has a '{BETWEEN}' or more than {MAX_URI_CHARS} characters")
    if "@" in where.partition("?")[0].partition("://")[2].partition("/")[0]:
        raise ValueError(f"a {kind} source has a user or password in its URI; credentials come from the environment")
