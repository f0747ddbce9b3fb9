"""Whatever JSON stands for a repository: every record comes out, nothing is raised, all of it can be stored."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carlos_tasks.intake.rows import canonical_json
from carlos_tasks.sources.hub_repo import read_repo
from carlos_tasks.sources.listing import Listing
from carlos_tasks.untrusted.reasons import Reason
from tests.sources.hub_server import a_repo, weights

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FILES = st.lists(
    st.fixed_dictionaries({}, optional={"rfilename": ODD | st.text().map("{}.pt".format), "size": ODD, "lfs": ODD})
    | ODD
)
REPOS = st.fixed_dictionaries(
    {},
    optional={"id": ODD | st.just("zebra/x"), "sha": ODD | st.just("a" * 40), "siblings": FILES | ODD}
    | dict.fromkeys(("cardData", "tags", "author", "lastModified", "private", "gated"), ODD),
)


@settings(max_examples=300, deadline=None)
@given(REPOS | ODD)
def test_any_json_is_read(repo: Any) -> None:
    records = list(read_repo(repo, "poll/00000.json.zst#1"))
    assert records
    for record in records:
        assert record.source == "hub"
        if isinstance(record, Listing):
            canonical_json(record.payload).encode()
            assert record.file_id.isprintable() and ".." not in record.file_id.split("/")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=30)))
def test_every_weight_file_comes_out_once(names: list[str]) -> None:
    repo = json.loads(json.dumps(a_repo(siblings=[weights(f"{name}.safetensors") for name in names])))
    records = list(read_repo(repo, "where"))
    if names:
        assert len(records) == len(names)
    else:
        (only,) = records
        assert not isinstance(only, Listing) and only.reason is Reason.NO_FILES
