"""Texts as SQL literals, for the few statements that take no parameters."""


def literal(text: str) -> str:
    """Quote a text as a SQL literal.

    Raises:
        ValueError: it holds a NUL, which no SQL text can.
    """
    if "\0" in text:
        raise ValueError("a SQL literal cannot hold a NUL")
    return "'" + text.replace("'", "''") + "'"
