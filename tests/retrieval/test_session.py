"""The analysts' connection: texts are encoded where the lake does not hold them, and nowhere else."""

import subprocess
import sys
from collections.abc import Iterator

import duckdb
import numpy as np
import pytest

import carlos_tasks
from carlos_tasks.errors import CarlosError, NotFound, StatementRefused
from carlos_tasks.lake import catalog
from carlos_tasks.lake.gate import GuardedConnection
from carlos_tasks.lake.register import register_profile
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.query_parts import query_vector
from carlos_tasks.retrieval.session import sql_error
from carlos_tasks.settings import Settings
from tests.lakes import migrated_lake, settings_of


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, micro: Profile) -> Settings:
    """A lake of some LoRAs under the micro profile, with one query vector stored: that of "kept", an odd one."""
    settings = settings_of(tmp_path_factory.mktemp("index"))
    migrated_lake(settings)
    with catalog.connect(settings, read_only=False) as con:
        register_profile(con, micro)
        rng = np.random.default_rng(0)
        for number in range(6):
            con.execute(
                "insert into core.representation by name select $1 as profile_id, $2 as lora_id, "
                "'measured' as measured, $3::float[] as direction, 5.0 as strength, 0.5 as consistency, "
                "0.9 as prompt_retention, now() as computed_at",
                [micro.profile_id, f"lora{number}", rng.normal(size=64).tolist()],
            )
        con.execute("update core.profile set text_space_id = coalesce(text_space_id, 'space')")
        con.execute(
            "insert into core.query select text_space_id, 'kept', $1::float[], now() from core.profile",
            [rng.normal(size=64).tolist()],
        )
    return settings


@pytest.fixture
def con(index: Settings) -> Iterator[GuardedConnection]:
    """The connection of `carlos_tasks.connect`."""
    with carlos_tasks.connect(index) as con:
        yield con


def test_a_text_is_encoded_on_the_fly(con: GuardedConnection, micro: Profile) -> None:
    vector = query_vector(micro, "at night").tolist()
    expected = con.execute("from mart.search_vector($v::float[], 4)", {"v": vector}).fetchall()
    assert len(expected) == 4
    assert con.execute("from mart.search('at  night', 4)").fetchall() == expected
    assert con.execute("from mart.search($text, 4, profile := 'micro')", {"text": "at night"}).fetchall() == expected


def test_a_stored_text_is_not_encoded(index: Settings) -> None:
    program = (
        "import sys, carlos_tasks; from carlos_tasks.settings import Settings; "
        f"con = carlos_tasks.connect(Settings(store={index.store!r}, catalog={index.catalog!r})); "
        "rows = con.execute(\"from mart.search('kept', 3)\").fetchall(); "
        "print(len(rows), 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True)
    assert ran.stdout == "3 False\n"


def test_many_rows_of_one_question_encode_once(con: GuardedConnection) -> None:
    joined = "select count(*) from mart.search('night', 3) as hit, range(1000)"
    assert con.execute(joined).fetchall() == [(3000,)]


def test_the_profile_of_the_settings_is_asked(con: GuardedConnection, micro: Profile) -> None:
    assert con.execute("select getvariable('carlos_profile')").fetchall() == [(micro.profile_id,)]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("from mart.search('', 3)", "the query is empty: say what the LoRA should do"),
        ("from mart.search(repeat('very ', 99), 3)", "is too long"),
        ("from mart.search('night', 3, profile := 'nobody')", "nothing is indexed under profile 'nobody'"),
        ("select carlos_encode_query('night', 'nobody')", "profile nobody is not at hand: set CARLOS_PROFILE"),
        ("from mart.nothing", "SQL: Catalog Error"),
    ],
)
def test_an_error_is_one_line_for_who_asked(con: GuardedConnection, statement: str, said: str) -> None:
    with pytest.raises(duckdb.Error) as caught:
        con.execute(statement).fetchall()
    error = sql_error(caught.value)
    assert isinstance(error, CarlosError)
    assert said in str(error)
    assert "UDF" not in str(error)
    assert ".py" not in str(error)


def test_it_is_read_only_unless_asked_for(made: Settings) -> None:
    threshold = "insert into core.threshold values ('p', 'strength_max', 1.0, 'test')"
    with carlos_tasks.connect(made) as con:
        with pytest.raises(StatementRefused, match="INSERT is refused"):
            con.execute(threshold)
        with carlos_tasks.connect(made, read_only=False) as writer:
            writer.execute(threshold)
        assert con.execute("select count(*) from core.threshold").fetchall() == [(1,)]


def test_an_internal_error_of_duckdb_is_told_without_its_stack() -> None:
    said = "INTERNAL Error: Attempted to dereference\n\nStack Trace:\n\n/duckdb.so(+0x1) [0x2]\n"
    ended = "INTERNAL Error: Attempted\nThis error signals an assertion failure within DuckDB. This usually occurs"
    assert str(sql_error(duckdb.InternalException(said))) == "SQL: INTERNAL Error: Attempted to dereference"
    assert str(sql_error(duckdb.InternalException(ended))) == "SQL: INTERNAL Error: Attempted"


def test_without_a_lake_it_says_so(settings: Settings) -> None:
    with pytest.raises(NotFound, match="no catalog"):
        carlos_tasks.connect(settings)
