"""A verification finds what is not as it was written and whom that costs, and the next night makes it right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from carlos_tasks.commands.keeping import verify as command
from carlos_tasks.commit.index import commit_index
from carlos_tasks.errors import CarlosError, NotFound, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.lake.data_files import data_files
from carlos_tasks.lake.seals import read_seals
from carlos_tasks.nightly.backlog import backlog_size
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, outcome_key, shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.verification import run as running
from carlos_tasks.verification.plan import plan_run
from carlos_tasks.verification.run import VerificationReport, verify, verify_batch
from tests.commit.small_index import baseline, small_profile, write_outcome
from tests.commit.test_damaged import BACKLOG, known_loras, measure
from tests.commit.test_index import REPRESENTATION
from tests.conftest import Rows
from tests.lake.old_lake import make_old_lake
from tests.worker.workers import Killed

Tamper = Callable[["Lake"], str]


class Lake:
    """A lake with LoRAs a, b, c of one commit and d of another, measured and committed."""

    def __init__(self, settings: Settings, profile: Profile) -> None:
        self.settings, self.profile = settings, profile
        self.store = open_store(settings.store)
        known_loras(settings, *"abcd")
        keys = measure(self.store, profile, *"abcd")
        commit_index(settings, profile, keys[:3])
        commit_index(settings, profile, keys)

    @property
    def saved(self) -> Path:
        """The profile, in a file."""
        path = Path(self.settings.store).parent / "profile.json"
        path.write_text(self.profile.model_dump_json())
        return path

    def shard(self, lora_id: str = "b", number: int = 1) -> str:
        return shard_key(self.profile.profile_id, lora_id, number)

    def flip(self, key: str, at: int) -> str:
        """Flip one bit of an object."""
        data = bytearray(self.store.read(key))
        data[at] ^= 4
        self.store.write(key, bytes(data))
        return key

    def file_of(self, table: str, of: str = "") -> str:
        """The key of a file that the lake wrote for a table, the newest one whose key has this in it."""
        with connect(self.settings) as con:
            keys = [f.key for f in data_files(con) if f.table == table and f.is_current]
        return [key for key in keys if of in key][-1]

    def next_night(self) -> None:
        """Measure again what waits, and commit it."""
        with connect(self.settings) as con:
            waiting = [lora_id for (lora_id,) in con.execute(BACKLOG).fetchall()]
        commit_index(self.settings, self.profile, measure(self.store, self.profile, *waiting))


@pytest.fixture
def it(settings: Settings, place: ObjectStore, tmp_path: Path) -> Lake:
    return Lake(settings, small_profile(tmp_path / "prompts"))


def faults(report: VerificationReport) -> set[tuple[str, str]]:
    return {(row["lora_id"], row["fault"]) for row in report.damages}


def test_a_lake_that_is_as_it_was_written(it: Lake, rows: Rows) -> None:
    before = rows(REPRESENTATION)
    report = verify(it.settings)
    assert (report.damages, report.n_loras, report.n_shards, report.n_unsealed) == ((), 5, 15, 0)
    assert report.n_lake_files > 10 and rows(REPRESENTATION) == before
    assert rows("select n_loras, n_faults, share from core.verification") == [(5, 0, 1.0)]
    assert [item.key for item in it.store.list("verification/")] == []


def flipped_shard(it: Lake) -> str:
    return it.flip(it.shard(), 700)


def swapped_shard(it: Lake) -> str:
    it.store.copy(it.shard("a"), it.shard())
    return it.shard()


def missing_shard(it: Lake) -> str:
    it.store.delete(it.shard())
    return it.shard()


def empty_shard(it: Lake) -> str:
    it.store.write(it.shard(), b"")
    return it.shard()


def missing_outcome(it: Lake) -> str:
    it.store.delete(outcome_key(it.profile.profile_id, "b"))
    return outcome_key(it.profile.profile_id, "b")


def anothers_outcome(it: Lake) -> str:
    it.store.copy(outcome_key(it.profile.profile_id, "a"), outcome_key(it.profile.profile_id, "b"))
    return outcome_key(it.profile.profile_id, "b")


def changed_number(it: Lake) -> str:
    with connect(it.settings, read_only=False) as con:
        con.execute("update core.representation set strength = strength + 1e-15 where lora_id = 'b'")
    return f"core.representation of {it.profile.profile_id}"


def changed_difference(it: Lake) -> str:
    with connect(it.settings, read_only=False) as con:
        con.execute("update core.prompt_difference set n_pairs = 2 where lora_id = 'b' and prompt_id like '%-3'")
    return f"core.prompt_difference of {it.profile.profile_id}"


TAMPERED: list[tuple[Tamper, str]] = [
    (flipped_shard, "shard_damaged"),
    (swapped_shard, "shard_misplaced"),
    (missing_shard, "shard_missing"),
    (empty_shard, "shard_damaged"),
    (missing_outcome, "outcome_missing"),
    (anothers_outcome, "outcome_misplaced"),
    (changed_number, "representation_differs"),
    (changed_difference, "differences_differ"),
]


@pytest.mark.parametrize(("tamper", "fault"), TAMPERED, ids=[tamper.__name__ for tamper, _ in TAMPERED])
def test_what_is_wrong_with_one_lora_is_told_and_made_right(it: Lake, rows: Rows, tamper: Tamper, fault: str) -> None:
    before = rows(REPRESENTATION)
    key = tamper(it)
    report = verify(it.settings)
    assert [(row["lora_id"], row["key"], row["fault"]) for row in report.damages] == [("b", key, fault)]
    assert rows("select lora_id, status from mart.lora order by 1") == [
        ("a", "ok"),
        ("b", "damaged"),
        ("c", "ok"),
        ("d", "ok"),
    ]
    found = rows(f"select lora_id from mart.similar('a', 9, profile := '{it.profile.profile_id}')")  # noqa: S608
    assert ("b",) not in found and len(found) == 2
    assert rows(BACKLOG) == [("b",)]
    assert rows("select count(*) from mart.index_health") == [(1,)]
    with connect(it.settings) as con:
        assert run_checks(con) == []

    it.next_night()
    assert verify(it.settings).damages == ()
    assert rows(REPRESENTATION) == before
    assert rows("select distinct status from mart.lora") == [("ok",)]
    assert rows("select count(*) from core.embedding") == [(75,)]
    with connect(it.settings) as con:
        assert run_checks(con) == []


def test_a_damaged_baseline_is_told_and_made_right(it: Lake, rows: Rows) -> None:
    before = rows(REPRESENTATION)
    data = it.store.read(it.shard(BASELINE))
    value = baseline(it.profile)[8, 0].tobytes()  # a float of one of its pairs: the numbers of all LoRAs would change
    it.flip(it.shard(BASELINE), data.index(value) + 2)
    assert faults(verify(it.settings)) == {(BASELINE, "shard_damaged")}
    assert backlog_size(it.settings.model_copy(update={"profile": str(it.saved)})) == 1
    it.next_night()
    assert verify(it.settings).damages == ()
    assert rows("from mart.damage") == []
    assert rows(REPRESENTATION) == before


@pytest.mark.parametrize("how", ["flipped", "missing", "replaced"])
def test_a_file_of_representations_costs_the_loras_of_its_commit(it: Lake, rows: Rows, how: str) -> None:
    before = rows(REPRESENTATION)
    key = it.file_of("core.representation")
    if how == "flipped":
        it.flip(key, 100)
    elif how == "missing":
        it.store.delete(key)
    else:
        other = next(k for k in (i.key for i in it.store.list("lake/core/representation/")) if k != key)
        it.store.copy(other, key)
    assert {lora_id for lora_id, _ in faults(verify(it.settings))} == {"d"}
    assert rows(BACKLOG) == [("d",)]
    it.next_night()
    assert verify(it.settings).damages == ()
    assert rows(REPRESENTATION) == before


def test_any_file_that_the_lake_wrote_is_told_by_its_table(it: Lake) -> None:
    found = {}
    for table in ("core.prompt_difference", "core.profile", "core.lora", "raw.listing", "core.embedding_shard"):
        key = it.file_of(table)
        whole = it.store.read(key)
        it.flip(key, len(whole) // 2)
        found[table] = [
            (row["lora_id"], row["detail"].partition(" has ")[0])
            for row in verify(it.settings).damages
            if row["fault"] == "lake_file_damaged"
        ]
        it.store.write(key, whole)
    assert [lora_id for lora_id, _ in found.pop("core.prompt_difference")] == ["d"]
    for table, told in found.items():
        assert len(told) == 1 and told[0][0] == "" and told[0][1].startswith(f"a file of {table}, of snapshot ")


def test_a_table_that_cannot_be_read_at_all_is_told_too(it: Lake) -> None:
    """Also one that the verification itself needs: nothing of its file is left but the size."""
    flipped_shard(it)
    verify(it.settings)  # which fills core.damage and core.verification
    needed = ("migration", "macro_comment", "profile", "embedding_shard", "damage", "verification", "representation")
    for table in needed:
        key = it.file_of(f"core.{table}")
        whole = it.store.read(key)
        it.store.write(key, bytes(len(whole)))
        try:
            told = {row["key"] for row in verify(it.settings).damages}
        except PermanentError as exc:
            told = {key} if key in str(exc) and "Restore these files" in str(exc) else {str(exc)}
        assert key in told, table
        if table != "representation":
            it.store.write(key, whole)


@pytest.mark.parametrize("how", ["changed", "removed", "forged"])
def test_seals_follow_from_each_other(it: Lake, how: str) -> None:
    keys = [item.key for item in it.store.list("seals/")]
    files, damages = read_seals(it.store)
    assert damages == [] and len(files) > 10
    if how == "changed":
        it.store.write(keys[1], it.store.read(keys[1]).replace(b'"size_bytes":', b'"size_bytes" :'))
    elif how == "removed":
        it.store.delete(keys[1])
    else:
        it.store.write(keys[1], it.store.read(keys[2]))
    _, damages = read_seals(it.store)
    assert {damage.fault for damage in damages} == {"seal_broken"}
    assert keys[2] in {damage.key for damage in damages}


def test_what_a_killed_commit_did_not_seal_the_next_one_seals(it: Lake) -> None:
    keys = [item.key for item in it.store.list("seals/")]
    it.store.delete(keys[-1])
    unsealed = verify(it.settings)
    # The commit of that verification sealed them.
    assert (unsealed.damages, unsealed.n_lake_files_unsealed > 0) == ((), True)
    again = verify(it.settings)
    assert (again.damages, again.n_lake_files_unsealed) == ((), 0)
    assert read_seals(it.store)[1] == []


def test_a_killed_run_goes_on_where_it_was(it: Lake, rows: Rows) -> None:
    run = plan_run(it.settings)
    assert run.n_batches == 2
    verify_batch(it.settings, run, 0)
    it.flip(it.shard(), 700)  # too late for this run, whose first batch is done
    assert plan_run(it.settings) == run
    assert plan_run(it.settings, 0.5) != run
    assert verify(it.settings).damages == ()
    assert faults(verify(it.settings)) == {("b", "shard_damaged")}
    assert rows("select count(distinct run_id) from core.verification") == [(2,)]


def test_a_record_that_was_killed_is_run_again(it: Lake, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    it.flip(it.shard(), 700)
    with monkeypatch.context() as dying:
        dying.setattr(running, "retire", killed)
        with pytest.raises(Killed):
            verify(it.settings)
    assert faults(verify(it.settings)) == {("b", "shard_damaged")}
    assert rows("select count(*) from core.damage union all select count(*) from core.verification") == [(1,), (1,)]
    assert not it.store.exists(it.shard())


def killed(*_: object) -> None:
    raise Killed


def test_a_sample_looks_at_some_loras_and_every_baseline(it: Lake) -> None:
    report = verify(it.settings, 0.0001)
    assert (report.n_loras, report.n_shards, report.damages) == (1, 3, ())


@pytest.mark.parametrize("share", [0, -1, 1.5, float("nan")])
def test_a_share_is_above_0_and_up_to_1(settings: Settings, share: float) -> None:
    with pytest.raises(CarlosError, match="the share of LoRAs to verify is"):
        verify(settings, share)


def test_a_profile_that_is_not_there_and_a_lake_that_is_not_there(it: Lake, tmp_path: Path) -> None:
    with pytest.raises(CarlosError, match="there is no profile nobodys in the lake"):
        verify(it.settings, profiles=["nobodys"])
    assert verify(it.settings, profiles=["micro"]).n_loras == 5
    empty = Settings(store=str(tmp_path / "none"), catalog=f"sqlite:{tmp_path / 'none.sqlite'}")
    with pytest.raises(NotFound):
        verify(empty)


def test_the_command_says_what_is_wrong_and_fails(
    it: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARLOS_STORE", it.settings.store)
    monkeypatch.setenv("CARLOS_CATALOG", it.settings.catalog)
    assert command(as_json=True) == 0
    assert capsys.readouterr().out.strip() == "[]"
    it.flip(it.shard(), 700)
    assert command() == 1
    out = capsys.readouterr().out
    assert "shard_damaged" in out and "5 LoRAs with 15 shards, 0 of them unsealed" in out and "1 faults" in out


def test_a_lake_of_an_older_version_is_unsealed_and_its_hashes_are_recorded(
    settings: Settings, tmp_path: Path, rows: Rows
) -> None:
    profile = small_profile(tmp_path / "prompts")
    make_old_lake(settings, profile)
    store = open_store(settings.store)
    shards = [item.key for item in store.list("shards/")]
    for lora_id in "ab":
        named = [key for key in shards if f"lora_id={lora_id}/" in key]
        write_outcome(store, profile, lora_id, shards=named, n_pairs=15)
    report = verify(settings)
    assert (report.n_shards, report.n_unsealed, report.damages) == (9, 9, ())
    assert rows("select count(*), bool_or(is_sealed) from core.embedding_shard") == [(9, False)]
    data = bytearray(store.read(shards[0]))
    data[700] ^= 4
    store.write(shards[0], bytes(data))
    assert ("a", "shard_damaged") in faults(verify(settings))
