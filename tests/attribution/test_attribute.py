"""The whole comparison: planted infringers are found, and what is asked badly gets one line."""

import numpy as np
import pytest

from carlos_tasks.attribution.attribute import attribute
from carlos_tasks.attribution.attribution import Attribution
from carlos_tasks.attribution.reference import Reference, make_reference
from carlos_tasks.calibration.null import false_discovery_q
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.catalog import connect
from tests.attribution.conftest import Studio
from tests.attribution.studio import N_INFRINGERS, N_INNOCENT, infringer, innocent

INFRINGERS = {infringer(number) for number in range(N_INFRINGERS)}


def ids(attribution: Attribution, numbers: np.ndarray) -> list[str]:
    return [attribution.measured.lora_ids[number] for number in numbers]


def test_the_infringers_come_first_and_are_flagged_alone(by_plates: Attribution) -> None:
    assert set(ids(by_plates, by_plates.order[:N_INFRINGERS])) == INFRINGERS
    assert set(ids(by_plates, np.flatnonzero(by_plates.is_flagged))) == INFRINGERS
    assert by_plates.n_tests == N_INNOCENT + N_INFRINGERS
    assert by_plates.main.told.n_null[by_plates.measured.place[infringer(0)]] == N_INNOCENT  # kin are in no null
    assert by_plates.main.told.n_null[by_plates.measured.place[innocent(0)]] == N_INNOCENT + N_INFRINGERS - 1


def test_the_first_have_intervals_around_their_similarity(by_plates: Attribution) -> None:
    main = by_plates.main
    told = by_plates.order[:20]
    assert (main.low[told] < main.similarity[told]).all()
    assert (main.similarity[told] < main.high[told]).all()
    assert np.isnan(main.low[by_plates.order[20:]]).all()
    assert main.percentile[by_plates.order[0]] == 1


def test_the_table_has_every_lora_once_for_each_basis(studio: Studio) -> None:
    reference = make_reference(str(studio.plates), lora_ids=[infringer(0)[:4]])
    found = attribute(studio.settings, reference, k=2)
    table = found.table
    assert table["basis"].value_counts().to_pylist() == [
        {"values": basis, "counts": N_INNOCENT + N_INFRINGERS} for basis in ("pictures", "loras")
    ]
    first = table.slice(0, N_INNOCENT + N_INFRINGERS).to_pylist()
    assert [row["rank"] for row in first] == list(range(1, len(first) + 1))
    by_lora = {row["lora_id"]: row for row in table.to_pylist() if row["basis"] == "loras"}
    # The reference LoRA is not compared with itself.
    own = by_lora[infringer(0)]
    assert (own["similarity"], own["p"], own["q"]) == (None, None, None)
    assert by_lora[infringer(1)]["q"] < 0.01
    # The correction is for all tests of both bases.
    p = np.concatenate([each.told.p for each in found.comparisons])
    np.testing.assert_array_equal(np.concatenate([each.q for each in found.comparisons]), false_discovery_q(p))
    assert found.n_tests == 2 * (N_INNOCENT + N_INFRINGERS) - 1


def test_a_lora_as_the_only_reference_ranks_the_others(studio: Studio) -> None:
    found = attribute(studio.settings, make_reference(lora_ids=[infringer(2)]))
    assert set(ids(found, found.order[:2])) == INFRINGERS - {infringer(2)}
    assert len(found.order) == N_INNOCENT + N_INFRINGERS - 1
    assert found.main.basis.known_to is None


def test_texts_are_held_against_neutral_texts(studio: Studio) -> None:
    found = attribute(studio.settings, make_reference(texts=["horizontal stripes", "striped"]), k=1)
    assert found.main.null_kind == "neutral texts"
    assert found.policy is not None
    n_null = found.main.told.n_null
    assert len(set(n_null)) == 1
    # Texts that say stripes themselves are left out of the null, and no others.
    assert 20 < n_null[0] < len(found.policy.null_texts)
    direction = found.main.basis.vector / np.linalg.norm(found.main.basis.vector)
    np.testing.assert_allclose(found.main.similarity, found.measured.field.units @ direction, atol=1e-6)
    assert len(found.main.null_of(found.measured, 0)) == n_null[0]


@pytest.mark.parametrize(
    ("lora_id", "message"),
    [
        ("0123456789", "no LoRA '0123456789' of profile"),
        ("f", "more than one LoRA id begins with 'f'"),
        ("", "no LoRA"),
    ],
)
def test_a_lora_that_is_not_there_is_named(studio: Studio, lora_id: str, message: str) -> None:
    with pytest.raises(NotFound, match=message):
        attribute(studio.settings, Reference("t", lora_ids=(lora_id,)))


def test_an_earlier_state_of_the_lake_can_be_asked(studio: Studio, by_plates: Attribution) -> None:
    again = attribute(studio.settings, make_reference(str(studio.plates)), snapshot=by_plates.snapshot_id)
    assert again.table.equals(by_plates.table)
    assert (again.snapshot_id, again.committed_at) == (by_plates.snapshot_id, by_plates.committed_at)
    with connect(studio.settings) as con:
        (first,) = con.execute("select min(snapshot_id) from mart.commit_log where message like '%intake%'").fetchall()[
            0
        ]
    with pytest.raises(NotFound, match="no LoRA is measured"):
        attribute(studio.settings, make_reference(lora_ids=[infringer(0)]), snapshot=first)
    with pytest.raises(NotFound, match="99999"):
        attribute(studio.settings, make_reference(lora_ids=[infringer(0)]), snapshot=99999)


def test_an_imported_profile_takes_no_pictures(studio: Studio) -> None:
    path = studio.plates.parent / "imported.json"
    path.write_text(studio.profile.model_copy(update={"origin": "imported"}).model_dump_json())
    settings = studio.settings.model_copy(update={"profile": str(path)})
    with pytest.raises(CarlosError, match=r"is imported and has no baseline .* \(--lora\)"):
        attribute(settings, make_reference(str(studio.plates)))
    assert attribute(settings, make_reference(lora_ids=[infringer(0)])).n_tests == N_INNOCENT + N_INFRINGERS - 1
