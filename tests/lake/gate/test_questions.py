"""What may be asked is answered: every example of the guide, every view and macro, and SQL of every form."""

import re
from pathlib import Path

import duckdb
import pytest

import carlos_tasks
from carlos_tasks.lake import catalog
from carlos_tasks.lake.gate import GuardedConnection, guarded
from carlos_tasks.lake.gate.tree import parsed
from tests.lake.gate.places import Place

GUIDE = (Path(__file__).parents[3] / "docs" / "sql.md").read_text()
EXAMPLES = re.findall(r"^```sql\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)

#: Questions, and an answer where it is not known from elsewhere.
QUESTIONS: list[tuple[str, object]] = [
    ("select 1", [(1,)]),
    ("SELECT 1;", [(1,)]),
    ("-- a comment; and more\nselect 1 -- more", [(1,)]),
    ("/* a /* comment */ ; */ select ';--' as a;", [(";--",)]),
    ("(select 1)", [(1,)]),
    ("from core.lora", ...),
    ("from carlos.core.lora", ...),
    ('from "core"."lora"', ...),
    ("FROM Core.LORA select count(*)", [(1,)]),
    ("table core.lora", ...),
    ("values (1, 'a'), (2, 'b')", [(1, "a"), (2, "b")]),
    ("from (values (1)) as t(a)", [(1,)]),
    ("with a as (select 1 as n), b as (from a) from b", [(1,)]),
    ("with recursive r as (select 1 as n union all select n + 1 from r where n < 3) from r", [(1,), (2,), (3,)]),
    ("with recursive r using key (n) as (select 1 as n union select n + 1 from r where n < 2) from r", ...),
    ("with Ünïcode as (select 1 as größe) select größe from Ünïcode", [(1,)]),
    ("select unnest([1, 2])", [(1,), (2,)]),
    ("from unnest([1, 2])", [(1,), (2,)]),
    ("from range(2)", [(0,), (1,)]),
    ("select j from generate_series(1, 2) as t(i), lateral (select i + 1 as j)", [(2,), (3,)]),
    ("from range(2) as a, range(2) as b", ...),
    ("select [x * 2 for x in [1, 2] if x > 1]", [([4],)]),
    ("select list_transform([1, 2], lambda x: x + 1)", [([2, 3],)]),
    ("select list_reduce([1, 2], (a, b) -> a + b)", [(3,)]),
    ("select {'a': 1}.a, map {'b': 2}['b'], [1, 2, 3][2:3]", [(1, 2, [2, 3])]),
    ("select 'a' || 'b', 'ab' like 'a%', 'ab' ~ 'a.', 'ab' similar to 'a.', 7 // 2, 2 ** 3, 5 % 3", ...),
    ("select 1 between 0 and 2, 1 in (1, 2), 1 is distinct from 2, not true, -1, ~1, 5!", ...),
    ("select case when 1 > 0 then 'a' else 'b' end, coalesce(null, 1), ifnull(null, 2), nullif(1, 1)", ...),
    ("select try_cast('a' as integer), '1'::int, cast('2026-01-01' as date), try(cast('a' as int))", ...),
    ("select date '2026-01-01' + interval 1 day, extract(year from now()), date_trunc('month', now())", ...),
    ("select now() at time zone 'UTC', current_date, current_timestamp, today()", ...),
    ("select strftime(now(), '%Y'), printf('%d', 1), format('{}', 1), regexp_replace('a', 'a', 'b'), md5('a')", ...),
    ("select substring('abc' from 2 for 1), position('b' in 'abc'), trim(both 'a' from 'aba')", ...),
    ("select ('abc').upper().lower(), upper('ä' collate nocase)", [("abc", "Ä")]),
    ("select path.upper() from (select 'a' as path)", [("A",)]),
    ("select count(*), count(distinct family) filter (where rank > 0), mode(family), median(rank) from core.lora", ...),
    ("select string_agg(lora_id, ',' order by lora_id), list(lora_id), arg_max(lora_id, rank) from core.lora", ...),
    ("select quantile_cont(rank, [0.1, 0.5]), approx_count_distinct(lora_id), stddev(rank) from core.lora", ...),
    ("select row_number() over (partition by family order by rank rows 1 preceding), lag(rank) over w from core.lora "
     "window w as (order by rank)", ...),
    ("select family, count(*) from core.lora group by rollup (family) having count(*) > 0 order by all limit 5", ...),
    ("select grouping(family), count(*) from core.lora group by grouping sets ((family), ())", ...),
    ("select distinct on (family) lora_id from core.lora order by family, lora_id offset 0", ...),
    ("select * exclude (metadata) replace (upper(family) as family) rename (rank as r) from core.lora", ...),
    ("select columns('lora.*'), columns(c -> c = 'rank') from core.lora", ...),
    ("from core.lora select lora_id where rank > 0 qualify row_number() over (order by rank) = 1", ...),
    ("from core.lora tablesample 10%", ...),
    ("from core.lora using sample 1 rows", ...),
    ("select 1 as a union select 2 except select 2 intersect select 2", ...),
    ("select 1 as a union all by name select 2 as b", ...),
    ("from core.lora as a inner join core.outcome as b using (lora_id)", ...),
    ("from core.lora as a left join core.outcome as b on a.lora_id = b.lora_id and b.status = 'x'", ...),
    ("from core.lora as a semi join core.outcome as b using (lora_id)", ...),
    ("from core.lora as a positional join core.outcome as b", ...),
    ("from core.lora as a asof join core.lora as b on a.rank >= b.rank", ...),
    ("select (select max(rank) from core.lora), exists (from core.lora), 1 = any (select 1)", ...),
    ("from core.lora at (version => 3)", ...),
    ("from core.lora at (timestamp => now())", ...),
    ("explain select 1", ...),
    ("explain analyze from core.lora", ...),
    ("EXPLAIN (FORMAT json) from core.lora", ...),
    ("explain (analyze, format json) (from core.lora)", ...),
    ("/* why */ explain -- how\n(select 1)", ...),
    ("describe core.lora", ...),
    ("desc mart.lora", ...),
    ("describe select 1 as a", ...),
    ("describe", ...),
    ("summarize core.lora", ...),
    ("summarize select 1 as a", ...),
    ("from (describe core.lora)", ...),
    ("show tables", ...),
    ("show all tables", ...),
    ("show schemas", ...),
    ("show databases", ...),
    ("show variables", ...),
    ("show tables from core", ...),
    ("show tables from carlos.mart", ...),
    ("pivot core.lora on family using count(*)", ...),
    ("pivot core.lora on family in ('a', 'b') using count(*) group by base_model order by 1", ...),
    ("explain pivot core.lora on family using count(*)", ...),
    ("unpivot (select 1 as a, 2 as b) on a, b", ...),
    ("from core.lora pivot (count(*) for family in ('a'))", ...),
    ("from core.lora unpivot (value for name in (lora_id, family))", ...),
    ("select column_name, comment from duckdb_columns() where schema_name = 'core'", ...),
    ("select table_name, comment from duckdb_tables()", ...),
    ("from duckdb_views", ...),
    ("select function_name, macro_definition from duckdb_functions() where database_name = 'carlos'", ...),
    ("select table_name from information_schema.tables", ...),
    ("select column_name from information_schema.columns", ...),
    ("from json_each('[1, 2]')", ...),
    ("select json_extract('{\"a\": 1}', '$.a'), '{\"a\": 1}'::json ->> 'a', to_json([1])", ...),
    ("select getvariable('carlos_profile')", ...),
    ("select core.cosine([1.0, 0.0], [1.0, 0.0]), core.words('A b')", ...),
    ("select carlos.core.words('A b')", ...),
    ("select quantile(rank, 0.5), core.quantile([1.0, 2.0], 0.5) from core.lora", ...),
    ("from mart.backlog('p', 'micro-xl', words := 'ignore')", ...),
]  # fmt: skip


def test_there_are_many() -> None:
    assert len(QUESTIONS) >= 80
    assert len(EXAMPLES) >= 40


def test_a_question_is_answered(lake: GuardedConnection) -> None:
    refused = []
    for question, expected in QUESTIONS:
        try:
            answer = lake.execute(question).fetchall()
        except Exception as exc:
            refused.append(f"{question}: {exc}")
        else:
            assert expected is ... or answer == expected, question
    assert refused == []


def test_every_example_of_the_guide_is_answered(lake: GuardedConnection) -> None:
    refused = []
    for example in EXAMPLES:
        try:
            lake.execute(example).fetchall()
        except Exception as exc:
            # The ids and texts of the guide are not in this lake, and its macros say so.
            if not re.search("no LoRA|nothing is indexed|no direction|is stored|No files found", str(exc)):
                refused.append(f"{example}: {exc}")
    assert refused == []


def test_every_table_view_and_macro_of_the_lake_may_be_asked(lake: GuardedConnection) -> None:
    guide = lake.execute("select object, kind from mart.guide").fetchall()
    tables = [name for name, kind in guide if kind in {"table", "view"}]
    assert len(tables) > 60
    for name in tables:
        assert lake.execute(f"select count(*) from {name}").fetchone(), name  # noqa: S608
    query = "select schema_name || '.' || function_name from duckdb_functions() where database_name = 'carlos'"
    macros = [name for (name,) in lake.execute(query).fetchall() if not name.startswith("main.")]
    assert len(macros) > 20
    for name in macros:
        with pytest.raises(duckdb.Error):  # DuckDB asks for its arguments: it passed the gate
            lake.execute(f"select {name}(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)")


def test_an_answer_comes_in_every_form(lake: GuardedConnection) -> None:
    question = "select $a::int as a, 'x' as b"
    assert lake.sql(question, {"a": 1}).fetchone() == (1, "x")
    assert lake.sql("select ? + ?", [1, 2]).fetchmany(2) == [(3,)]
    assert lake.execute(question, {"a": 1}).df().to_dict("records") == [{"a": 1, "b": "x"}]
    assert lake.execute(question, {"a": 1}).to_arrow_table().to_pylist() == [{"a": 1, "b": "x"}]
    assert [column[0] for column in lake.execute(question, {"a": 1}).description] == ["a", "b"]
    assert list(lake.sql("from range(3)")) == [(0,), (1,), (2,)]


def test_the_lake_as_it_was_is_asked(place: Place) -> None:
    with carlos_tasks.connect(place.settings, snapshot=1) as lake:
        assert lake.execute("select count(*) from core.lora").fetchall() == [(0,)]
        assert lake.execute("select count(*) from mart.lora").fetchall() == [(0,)]


def test_what_fits_no_memory_is_kept_on_disk_outside_the_folder_that_one_stands_in(place: Place) -> None:
    con = catalog.connect(place.settings)
    con.execute("set memory_limit = '250MB'")
    con.execute("set threads = 1")
    with guarded(con, place.settings) as lake:
        question = (
            "select count(*), max(w) > 'f' from (select md5(i::text) as w, i from range(4000000) as t(i) order by w)"
        )
        assert lake.execute(question).fetchall() == [(4000000, True)]
        assert not (place.mine / ".tmp").exists()
        ((spill,),) = con.execute("select current_setting('temp_directory')").fetchall()
        assert Path(spill).exists()
    assert not Path(spill).exists()


def test_a_store_behind_a_link_is_read(folder_place: Place, tmp_path: Path) -> None:
    settings = folder_place.settings
    (tmp_path / "link").symlink_to(folder_place.folder)
    there = settings.catalog.replace(str(folder_place.folder), f"{tmp_path}/link")
    through = settings.model_copy(update={"catalog": there})
    with carlos_tasks.connect(through) as lake:
        assert lake.execute("select count(*) from core.lora").fetchall() == [(1,)]


def test_the_tree_of_a_text_runs_nothing(lake: GuardedConnection, place: Place) -> None:
    before = place.state()
    assert parsed(lake._con, f"import database '{place.mine}'")["error"]
    assert parsed(lake._con, "select '''it''s'''; select 2")["error"] is False
    assert place.state() == before
