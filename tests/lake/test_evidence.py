"""Evidence is what lies in the store, image beside image."""

from carlos_tasks.lake.evidence import evidence
from carlos_tasks.store.keys import evidence_key
from carlos_tasks.store.objects import ObjectStore


def test_each_image_stands_beside_that_of_the_bare_backbone(store: ObjectStore) -> None:
    for lora_id, prompt_ids in {"base": "ab", "x": "ac", "xy": "a", "z": ""}.items():
        for prompt_id in prompt_ids:
            store.write(evidence_key("p", lora_id, prompt_id, 7), b"image")
    store.write("evidence/profile_id=p/lora_id=x/notes.txt", b"no image")
    found = evidence(store, "p", ["x", "z", "never measured"])
    assert found == {
        "x": [
            {
                "pair": "a-7",
                "lora": store.url(evidence_key("p", "x", "a", 7)),
                "baseline": store.url(evidence_key("p", "base", "a", 7)),
            },
            {"pair": "c-7", "lora": store.url(evidence_key("p", "x", "c", 7)), "baseline": None},
        ],
        "z": [],
        "never measured": [],
    }
    assert evidence(store, "p", []) == {}
