"""Civitai's REST API, live: polled into a mirror of its pages, files fetched with the token of the environment.

`civitai:https://civitai.com` lists every LoRA; `?tag=`, `?username=` and `?baseModels=` after the host narrow it.
CIVITAI_TOKEN, if it is set, travels as a bearer header to that host and no other.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from carlos_tasks.errors import NotFound, PermanentError, SettingsError
from carlos_tasks.sources.back_off import BackOff, BusyServer, NoAnswer
from carlos_tasks.sources.civitai import SOURCE, read_id, read_model
from carlos_tasks.sources.download import Downloader
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.sources.live import Answer, KeptPage, LiveSource
from carlos_tasks.sources.web import Refused, checked_endpoint, get_json, new_client
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.untrusted.reasons import Reason

TOKEN = "CIVITAI_TOKEN"  # noqa: S105 - the variable's name
PAGE_SIZE = 100
_FILTERS = frozenset({"tag", "username", "baseModels"})
_LISTING = [("types", "LORA"), ("types", "LoCon"), ("types", "DoRA"), ("sort", "Newest"), ("nsfw", "true")]
# Words of a refusal that mean a model is gone for everybody, not for us alone.
_TAKEN_DOWN = re.compile(r"taken down|takedown|\bremoved\b|\bdeleted\b|\bdmca\b|terms of service", re.IGNORECASE)
_VOLATILE = frozenset({"stats", "images", "rank"})  # they change every day and say nothing of the file


class CivitaiApi(LiveSource):
    """The listing of LoRA models at one server that speaks Civitai's API."""

    def __init__(self, uri: str, store: ObjectStore, back_off: BackOff | None = None) -> None:
        super().__init__(uri, store)
        parts = urlsplit(uri.partition(":")[2])
        self._endpoint = checked_endpoint(uri)
        self._filters = parse_qsl(parts.query, keep_blank_values=True)
        if unknown := {name for name, _ in self._filters} - _FILTERS:
            raise SettingsError(f"{uri!r}: {sorted(unknown)} cannot narrow it, only {sorted(_FILTERS)} can")
        self._token = os.environ.get(TOKEN, "").strip()
        self._back_off = back_off or BackOff()
        self._client = new_client(self)
        self._downloader = Downloader(self._client, self._endpoint, self._token, self._back_off)

    def listings(self, shard_key: str) -> Iterator[Listing | Rejection]:
        """Read one page of the mirror; what was asked for by id and is gone is a Rejection."""
        page = self.mirror.read_page(shard_key)
        for number, model in enumerate(page["items"]):
            yield from read_model(SOURCE, model, f"{shard_key}#{number}")
        for model_id in page.get("gone", []):
            detail = "listed before, and now not found"
            yield Rejection(SOURCE, model_id, "", "", lora_id=None, reason=Reason.TAKEN_DOWN, detail=detail)

    def fingerprint(self, listing: Listing) -> str:
        """Name the state by what the listing says of the bytes and of who may have them."""
        payload = orjson.loads(listing.payload)
        version, file = payload["version"], payload["file"]
        access = [version.get(name) for name in ("availability", "earlyAccessEndsAt", "earlyAccessDeadline")]
        state = [listing.sha256_claimed, file.get("sizeKB"), file.get("downloadUrl"), access, bool(self._token)]
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:32]

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        """Download the file."""
        url = orjson.loads(listing.payload)["file"].get("downloadUrl")
        if not isinstance(url, str):
            raise NotFound(f"file {listing.file_id} of {self.uri} has no downloadUrl")
        self._downloader.fetch(url, path, max_bytes)

    def page(self, cursor: str | None) -> Answer:
        """Ask for one page of the listing."""
        params = [*_LISTING, ("limit", str(PAGE_SIZE)), *self._filters]
        if cursor is not None:
            params.append(("cursor", cursor))
        try:
            return self._back_off.call(lambda: _read_page(*self._get("/api/v1/models", params)))
        except NotFound as exc:
            raise PermanentError(f"{self._endpoint} has no listing of models: {exc}") from exc

    def item_state(self, item: Any) -> tuple[str | None, str]:
        """Return the model's id, and a digest of it without counts and pictures."""
        model_id = read_id(item.get("id")) if isinstance(item, dict) else None
        try:
            text = json.dumps(_without_volatile(item), sort_keys=True)
        except RecursionError:
            text = "nested too deeply"
        return model_id, hashlib.sha256(text.encode()).hexdigest()[:16]

    def look_up(self, item_id: str) -> Any | None:
        """Ask for one model by its id; what is not for us any more is Refused, and gone only where the API says so."""
        try:
            return self._back_off.call(lambda: _read_model(self._get(f"/api/v1/models/{item_id}", [])[0]))
        except NotFound:
            return None
        except Refused as exc:
            if _TAKEN_DOWN.search(str(exc)):
                return None
            raise
        except PermanentError as exc:  # an answer that leads elsewhere, as to a page of a proxy
            raise NoAnswer(str(exc)) from exc

    def enrich(self, answer: Answer, changed: set[str]) -> KeptPage:
        """Keep the page as it came: it says all there is."""
        return KeptPage(answer.raw)

    def _get(self, path: str, params: list[tuple[str, str]]) -> tuple[dict[str, Any], bytes]:
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        return get_json(self._client, self._endpoint + path, params, headers)


def _read_model(parsed: dict[str, Any]) -> dict[str, Any]:
    if read_id(parsed.get("id")) is None:
        raise NoAnswer("a look-up is answered with something that is no model")
    return parsed


def _read_page(parsed: dict[str, Any], raw: bytes) -> Answer:
    items, metadata = parsed.get("items"), parsed.get("metadata")
    if not isinstance(items, list):
        raise NoAnswer("the listing answers without a list of items")
    cursor = metadata.get("nextCursor") if isinstance(metadata, dict) else None
    if cursor is not None and not isinstance(cursor, str | int):
        raise BusyServer("the listing answers with a cursor that is no text")
    return Answer(items, None if cursor in {None, ""} else str(cursor), raw)


def _without_volatile(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_volatile(item) for key, item in value.items() if key not in _VOLATILE}
    return [_without_volatile(item) for item in value] if isinstance(value, list) else value
