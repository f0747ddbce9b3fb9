"""A connection for analysts: the lake, and texts encoded where a statement asks by text.

The catalog's macro `mart.search` calls `encode_query`, which in plain DuckDB says that it cannot encode. A temporary
macro of the same name takes its place here, in this connection alone. The encoder, and torch with it, is
loaded by the first text that the lake does not hold. What analysts ask passes the gate (`lake/gate`).
"""

import re
from functools import partial
from typing import Literal, overload

import duckdb

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake import catalog
from carlos_tasks.lake.faults import lake_errors, redact
from carlos_tasks.lake.gate import GuardedConnection, guarded
from carlos_tasks.lake.representation_copy import attach_copy
from carlos_tasks.profiles.profile import Profile, load_profile, shipped_profiles
from carlos_tasks.settings import Settings, load_settings
from carlos_tasks.store import open_store

# DuckDB puts its own words before what was raised, by error() in a macro or by Python in a function, and Python's stack
# after it.
_RAISED = re.compile(
    r"Invalid Input Error: (?:Python exception occurred while executing the UDF: \w+: )?(?P<said>.*?)(?:\n\nAt:\n.*)?",
    re.DOTALL,
)
# What DuckDB puts behind an internal error: its stack, and a word to its developers.
_STACK = re.compile(r"\s*(?:Stack Trace:|This error signals an assertion failure within DuckDB)")


@overload
def connect(
    settings: Settings | None = None,
    *,
    read_only: Literal[True] = True,
    snapshot: int | None = None,
    with_files: bool = False,
) -> GuardedConnection: ...


@overload
def connect(
    settings: Settings | None = None,
    *,
    read_only: Literal[False],
    snapshot: int | None = None,
    with_files: bool = False,
) -> duckdb.DuckDBPyConnection: ...


def connect(
    settings: Settings | None = None,
    *,
    read_only: bool = True,
    snapshot: int | None = None,
    with_files: bool = False,
) -> GuardedConnection | duckdb.DuckDBPyConnection:
    """Open the lake for questions: the catalog `carlos` is attached and in use, and `mart.search` encodes any text.

    Without a profile, `mart.search` asks that of the settings: the variable `carlos_profile` holds its id.

    Args:
        settings: where the lake lies, the profile and the device; None: from the environment.
        read_only: statements pass the gate, and nothing can be written. False: a plain DuckDB connection, without gate.
        snapshot: ask the lake as it was then; None: as it is.
        with_files: statements may read files of one's own too, and write their answers to such by COPY.

    Raises:
        NotFound: there is no catalog yet, and the connection is read-only; or no such snapshot.
        SettingsError: an extension's wheel is absent, or there are no credentials.
        PassingError: catalog or storage did not answer.
    """
    settings = settings or load_settings()
    if not read_only:
        return open_session(settings, read_only=False, snapshot=snapshot)
    con = catalog.connect(settings, snapshot=snapshot)
    return behind_the_gate(con, settings, snapshot=snapshot, with_files=with_files)


def behind_the_gate(
    con: duckdb.DuckDBPyConnection, settings: Settings, *, snapshot: int | None, with_files: bool
) -> GuardedConnection:
    """Make of a lake that is open to read what `connect` returns; it is closed where that fails."""
    try:
        with lake_errors():
            _name_profile(con, settings)
            # A function in Python costs the import of numpy, and a copy a look for it: most statements use neither.
            help_macros = partial(_help_macros, con, settings, snapshot)
            return guarded(con, settings, with_files=with_files, before_macros=help_macros)
    except BaseException:
        con.close()
        raise


def open_session(
    settings: Settings, *, read_only: bool = True, snapshot: int | None = None
) -> duckdb.DuckDBPyConnection:
    """Do as `connect` does, without the gate: for statements of the platform's own, which are written in `sql/`."""
    con = catalog.connect(settings, read_only=read_only, snapshot=snapshot)
    try:
        _name_profile(con, settings)
        _encode_texts(con, settings)
    except BaseException:
        con.close()
        raise
    return con


def _name_profile(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    # 16 hexadecimal digits, and not bound: for its first bound value DuckDB imports pandas, half of the start-up.
    con.execute(f"set variable carlos_profile = '{load_profile(settings.profile).profile_id}'")


def _help_macros(con: duckdb.DuckDBPyConnection, settings: Settings, snapshot: int | None) -> None:
    _encode_texts(con, settings)
    if snapshot is None:  # the copy of an earlier state is not kept
        attach_copy(con)


def _encode_texts(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    con.execute("use memory")  # a Python function cannot be created in the lake
    con.create_function(
        "carlos_encode_query",
        lambda text, profile_id: _encode(settings, text, profile_id),
        ["VARCHAR", "VARCHAR"],
        "FLOAT[]",
        side_effects=True,  # or DuckDB would encode a constant before it knows whether it has to
    )
    con.execute("use carlos")
    con.execute("create temp macro encode_query(txt, profile_id) as carlos_encode_query(txt, profile_id)")


def _encode(settings: Settings, text: str, profile_id: str) -> list[float]:
    from carlos_tasks.retrieval.query_encoder import load_query_encoder

    encoder = load_query_encoder(_profile(settings, profile_id), settings.device, open_store(settings.store))
    return list(encoder.vector(text).tolist())


def _profile(settings: Settings, profile_id: str) -> Profile:
    """The profile with an id: one of the settings, or one that ships."""
    for name in (*settings.profile_names, *shipped_profiles()):
        profile = load_profile(name)
        if profile.profile_id == profile_id:
            return profile
    raise NotFound(f"the definition of profile {profile_id} is not at hand: set CARLOS_PROFILE to its file")


def sql_error(exc: duckdb.Error) -> CarlosError:
    """What to tell who asked a statement that failed: the words meant for them, without DuckDB's around them."""
    text = _STACK.split(str(exc).strip())[0]
    raised = _RAISED.fullmatch(text)
    return CarlosError(redact(raised["said"] if raised else f"SQL: {text}"))
