"""Each query vector is computed once: memory, then the store, then the encoder."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from carlos_tasks.embedding.encoder import ClipEncoder, load_encoder
from carlos_tasks.errors import CarlosError, NotFound, PassingError
from carlos_tasks.profiles.profile import Encoder, Profile, load_profile
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.retrieval.query_encoder import QueryEncoder, load_query_encoder
from carlos_tasks.retrieval.text_objects import read_query_vector, write_prompt_features, write_query_vector
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.keys import prompts_key, queries_prefix, query_key
from carlos_tasks.store.objects import ObjectStore


class Loader:
    """Loads the encoder, and counts how often somebody wanted it."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, encoder: Encoder, device: str) -> ClipEncoder:
        self.times += 1
        return load_encoder(encoder, device)


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def encoder(micro: Profile, folder: FolderStore, loader: Loader) -> QueryEncoder:
    return QueryEncoder(micro, "cpu", folder, loader)


def test_a_repeated_query_comes_from_memory(encoder: QueryEncoder) -> None:
    assert encoder.vector(" striped") is encoder.vector("striped ")


def test_what_is_remembered_cannot_be_changed(encoder: QueryEncoder) -> None:
    with pytest.raises(ValueError, match="read-only"):
        encoder.vector("striped")[0] = 7


def test_another_process_takes_it_from_the_store(micro: Profile, store: ObjectStore, loader: Loader) -> None:
    first = QueryEncoder(micro, "cpu", store, loader).vector("striped")
    keys = [item.key for item in store.list("texts/")]
    space = text_space_id(micro)
    assert keys == [prompts_key(space), query_key(space, "striped")]
    second = QueryEncoder(micro, "cpu", store, loader).vector("striped")
    np.testing.assert_array_equal(second, first)
    assert loader.times == 1


def test_prompts_of_the_store_serve_new_texts(
    micro: Profile, folder: FolderStore, encoder: QueryEncoder, loader: Loader
) -> None:
    encoder.vector("striped")
    found = QueryEncoder(micro, "cpu", folder, loader).vector("at night")
    np.testing.assert_allclose(found, encoder.vector("at night"), atol=1e-6)


def test_torch_is_not_loaded_for_a_stored_query(micro: Profile, folder: FolderStore, encoder: QueryEncoder) -> None:
    encoder.vector("striped")
    program = (
        "import sys\n"
        "from carlos_tasks.store import open_store\n"
        "from carlos_tasks.profiles.profile import load_profile\n"
        "from carlos_tasks.retrieval.query_parts import query_vector\n"
        f"vector = query_vector(load_profile('micro'), 'striped', 'auto', open_store({folder.uri!r}))\n"
        "print(vector.shape, 'torch' in sys.modules, 'open_clip' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "(64,) False False\n"


def broken(data: bytes) -> Callable[[ObjectStore, str, str], None]:
    return lambda store, space, key: store.write(key, data)


def foreign(text: str, vector: list[float]) -> Callable[[ObjectStore, str, str], None]:
    """An object of another text or another encoder that lies at the text's key."""

    def put(store: ObjectStore, space: str, key: str) -> None:
        write_query_vector(store, space, text, np.array(vector, dtype=np.float32))
        if query_key(space, text) != key:
            store.write(key, store.read(query_key(space, text)))

    return put


@pytest.mark.parametrize(
    "spoil",
    [
        broken(b""),
        broken(b"PAR1 no parquet PAR1"),
        foreign("at night", [0.5] * 64),
        foreign("striped", [0.5] * 32),
        foreign("striped", [float("nan")] * 64),
    ],
    ids=["empty", "no parquet", "another text", "another dimension", "not finite"],
)
def test_a_spoiled_vector_is_computed_anew_and_replaced(
    micro: Profile,
    folder: FolderStore,
    encoder: QueryEncoder,
    loader: Loader,
    spoil: Callable[[ObjectStore, str, str], None],
) -> None:
    right = encoder.vector("striped")
    space = encoder.text_space_id
    spoil(folder, space, query_key(space, "striped"))
    again = QueryEncoder(micro, "cpu", folder, loader).vector("striped")
    np.testing.assert_allclose(again, right, atol=1e-6)
    kept = read_query_vector(folder, space, "striped", 64)
    assert kept is not None
    np.testing.assert_array_equal(kept, again)


@pytest.mark.parametrize("kind", ["broken", "other prompts", "other dimension"])
def test_spoiled_prompt_features_are_computed_anew_and_replaced(
    micro: Profile, folder: FolderStore, encoder: QueryEncoder, loader: Loader, kind: str
) -> None:
    right = encoder.vector("striped")
    space, texts = encoder.text_space_id, [prompt.text for prompt in micro.search_prompts().prompts]
    good = folder.read(prompts_key(space))
    if kind == "broken":
        folder.write(prompts_key(space), good[:-9])
    elif kind == "other prompts":
        write_prompt_features(folder, space, texts[::-1], np.ones((len(texts), 64), np.float32))
    else:
        write_prompt_features(folder, space, texts, np.ones((len(texts), 32), np.float32))
    np.testing.assert_allclose(QueryEncoder(micro, "cpu", folder, loader).vector("striped"), right, atol=1e-6)
    assert folder.read(prompts_key(space)) == good


class Refusing(FolderStore):
    """A store that can be read, or not even that, and takes nothing."""

    def __init__(self, folder: Path, reads: bool) -> None:
        super().__init__(folder)
        self._reads = reads

    def read(self, key: str, at_most: int | None = None) -> bytes:
        if not self._reads:
            raise PassingError("storage: no answer")
        return super().read(key, at_most)

    def write(self, key: str, data: bytes) -> None:
        raise PassingError("storage: read-only")


@pytest.mark.parametrize("reads", [True, False])
def test_a_store_that_refuses_is_no_error_and_is_told_of_once(
    micro: Profile, tmp_path: Path, loader: Loader, reads: bool, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = QueryEncoder(micro, "cpu", Refusing(tmp_path, reads), loader)
    for text in ("striped", "at night"):
        assert np.isfinite(encoder.vector(text)).all()
    assert [record.levelname for record in caplog.records if "not kept" in record.message] == ["WARNING"]


def test_a_text_without_effect_is_not_kept(encoder: QueryEncoder, folder: FolderStore) -> None:
    with pytest.raises(CarlosError, match="no direction"):
        encoder.vector("<|endoftext|>")
    assert not list(folder.list(queries_prefix(encoder.text_space_id)))
    with pytest.raises(NotFound):
        folder.read(query_key(encoder.text_space_id, "<|endoftext|>"))


def test_memory_is_bounded(encoder: QueryEncoder, monkeypatch: pytest.MonkeyPatch, loader: Loader) -> None:
    monkeypatch.setattr("carlos_tasks.retrieval.query_encoder._IN_MEMORY", 2)
    first = encoder.vector("one")
    encoder.vector("two")
    encoder.vector("three")
    again = encoder.vector("one")
    assert again is not first
    np.testing.assert_array_equal(again, first)


def test_threads_load_one_encoder(encoder: QueryEncoder, loader: Loader) -> None:
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(encoder.vector("striped"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loader.times == 1
    assert len({id(vector) for vector in found}) == 1


def test_profiles_of_one_encoder_and_one_prompt_set_share_a_text_space(folder: FolderStore, micro: Profile) -> None:
    paper, published = load_profile("sdxl-paper"), load_profile("carlos-published")
    assert paper.profile_id != published.profile_id
    assert text_space_id(paper) == text_space_id(published) != text_space_id(micro)
    assert load_query_encoder(paper, "cpu", folder) is load_query_encoder(
        published, "cpu", FolderStore(Path(folder.uri))
    )
    assert load_query_encoder(paper, "cpu", folder) is not load_query_encoder(paper, "cpu")


def test_another_prompt_file_or_encoder_is_another_text_space(micro: Profile) -> None:
    prompts = micro.retrieval_prompts.model_copy(update={"sha256": "0" * 64})
    encoder = Encoder(model="ViT-B-32-quickgelu", pretrained="openai")
    others = [
        micro.model_copy(update={"retrieval_prompts": prompts}),
        micro.model_copy(update={"identity": micro.identity.model_copy(update={"encoder": encoder})}),
    ]
    assert len({text_space_id(profile) for profile in [micro, *others]}) == 3
