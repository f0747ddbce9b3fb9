"""The Hugging Face Hub, live: repositories polled in the order of their last change, files fetched at their commit.

`hub:https://huggingface.co?filter=lora` lists the repositories with a tag; `author=` narrows it further. HF_TOKEN, if
it is set, goes to that host alone. A listing says little, so what is new or changed in it is asked for one by one.

The Hub's library takes any 401 for a repository that is not there. Here only the Hub's own words count (`own_words`):
without a token it answers 401 also for what is private, so that a sweep with a token finds more that is gone.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import orjson
from huggingface_hub import HfApi, ModelInfo, hf_hub_url
from huggingface_hub.errors import DisabledRepoError, GatedRepoError, HfHubHTTPError

from carlos_tasks.errors import CarlosError, NotFound, PermanentError, RejectedFile, SettingsError
from carlos_tasks.sources.back_off import BackOff, BusyServer, NoAnswer
from carlos_tasks.sources.download import Downloader
from carlos_tasks.sources.hub_repo import SOURCE, read_repo, read_repo_id
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.sources.live import Answer, KeptPage, LiveSource
from carlos_tasks.sources.poll import MAX_FAILED_LOOK_UPS
from carlos_tasks.sources.web import Refused, checked_endpoint, error_of, new_client, own_words
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.untrusted.reasons import Reason

TOKEN = "HF_TOKEN"  # noqa: S105 - the variable's name
PAGE_SIZE = 100
_NO_REPO = "RepoNotFound"  # in the header X-Error-Code
_FILTERS = frozenset({"filter", "author"})
_STATE = ("id", "sha", "lastModified", "private", "gated", "disabled")
_KEPT = (*_STATE, "author", "createdAt", "library_name", "pipeline_tag", "tags")
log = logging.getLogger(__name__)


class Hub(LiveSource):
    """The repositories of one Hub that carry a tag or belong to an author."""

    def __init__(self, uri: str, store: ObjectStore, back_off: BackOff | None = None) -> None:
        super().__init__(uri, store)
        self._filters = parse_qs(urlsplit(uri.partition(":")[2]).query)
        if not self._filters or (self._filters.keys() - _FILTERS) or len(self._filters.get("author", [])) > 1:
            raise SettingsError(f"{uri!r}: say what to list, e.g. hub:https://huggingface.co?filter=lora&author=NAME")
        endpoint, token = checked_endpoint(uri), os.environ.get(TOKEN, "").strip()
        self._endpoint, self._has_token = endpoint, bool(token)
        self._back_off = back_off or BackOff()
        self._api = HfApi(endpoint=endpoint, token=token or False)
        self._downloader = Downloader(new_client(self), endpoint, token, self._back_off)
        self._repos: Iterator[ModelInfo] = iter(())
        self._position: int | None = None

    def listings(self, shard_key: str) -> Iterator[Listing | Rejection]:
        """Read one page of the mirror; what was asked for by id and is gone is a Rejection."""
        page = self.mirror.read_page(shard_key)
        for number, repo in enumerate(page["items"]):
            yield from read_repo(repo, f"{shard_key}#{number}")
        for repo_id in page.get("gone", []):
            detail = "listed before, and now not found"
            yield Rejection(SOURCE, repo_id, "", "", lora_id=None, reason=Reason.TAKEN_DOWN, detail=detail)

    def fingerprint(self, listing: Listing) -> str:
        """Name the state by the file's hash or commit, and by who may have it."""
        model, content = orjson.loads(listing.payload)["model"], listing.sha256_claimed or listing.version_id
        if listing.config_path:  # which may change while the weights do not
            content = f"{content}-{listing.version_id}"
        state = [
            listing.model_id,
            content,
            listing.size_bytes,
            model.get("gated"),
            model.get("private"),
            self._has_token,
        ]
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:32]

    def fetch(self, listing: Listing, path: Path, max_bytes: int) -> None:
        """Download the file at its commit; a gated one only where the token has been granted it."""
        if orjson.loads(listing.payload)["model"].get("private"):
            raise RejectedFile(Reason.NOT_PUBLIC, "a private repository")
        self._download(listing, listing.file_id, path, max_bytes)

    def fetch_config(self, listing: Listing, max_bytes: int) -> bytes:
        """Download the configuration beside the file, at the same commit."""
        with tempfile.TemporaryDirectory(prefix="carlos-config-") as room:
            path = Path(room) / "config"
            self._download(listing, listing.config_path or "", path, max_bytes)
            return path.read_bytes()

    def page(self, cursor: str | None) -> Answer:
        """Return the next repositories; after a break, those of the page before come again with them.

        The cursor is a number of repositories. What changes in between moves to the front, which the next poll reads;
        what is deleted in between moves the rest forward, and the repeated page makes up for it.
        """
        start = int(cursor or 0)
        return self._back_off.call(lambda: self._read_on(start))

    def item_state(self, item: Any) -> tuple[str | None, str]:
        """Return the repository's id, and a digest of its commit and of who may read it."""
        state = json.dumps([item.get(name) for name in _STATE])
        return read_repo_id(item.get("id")), hashlib.sha256(state.encode()).hexdigest()[:16]

    def look_up(self, item_id: str) -> Any | None:
        """Ask for one repository with its card and files."""
        try:
            return self._back_off.call(lambda: self._ask(item_id))
        except NotFound:
            return None
        except PermanentError as exc:
            raise NoAnswer(str(exc)) from exc

    def enrich(self, answer: Answer, changed: set[str]) -> KeptPage:
        """Ask for the repositories that are new or changed; the listing itself names no files.

        One that the Hub breaks on is a refusal, one that gets no answer or is not for us is asked for in the next poll,
        and several in a row are an outage, or a token that has no right to any of them.
        """
        found: dict[str, Any | None] = {}
        unanswered = set()
        n_failed = 0
        for repo_id in sorted(changed):
            if read_repo_id(repo_id) is None:
                continue
            try:
                found[repo_id] = self.look_up(repo_id)
                n_failed = 0
            except (BusyServer, Refused) as exc:
                n_failed += 1
                is_broken = exc.status == httpx2.codes.INTERNAL_SERVER_ERROR and not isinstance(exc, NoAnswer)
                if n_failed >= MAX_FAILED_LOOK_UPS or not (is_broken or isinstance(exc, NoAnswer | Refused)):
                    raise
                if is_broken:
                    found[repo_id] = {"id": repo_id, "fault": str(exc)}
                else:
                    log.warning("%s is asked for in the next poll: %s", repo_id, exc)
                    unanswered.add(repo_id)
        nameless = [item for item in answer.items if read_repo_id(item.get("id")) is None]
        gone = [repo_id for repo_id, repo in found.items() if repo is None]
        items = [repo for repo in found.values() if repo is not None]
        return KeptPage(json.dumps({"items": items + nameless, "gone": gone}).encode(), frozenset(unanswered))

    def _download(self, listing: Listing, name: str, path: Path, max_bytes: int) -> None:
        url = hf_hub_url(listing.model_id, name, revision=listing.version_id, endpoint=self._endpoint)
        self._downloader.fetch(url, path, max_bytes)

    def _read_on(self, start: int) -> Answer:
        if self._position != start or start == 0:
            self._repos = iter(
                self._api.list_models(
                    filter=self._filters.get("filter"),
                    author=self._filters.get("author", [None])[0],
                    sort="last_modified",
                    expand=["sha", "lastModified", "private", "gated", "disabled"],
                )
            )
            again = self._take(start)[-PAGE_SIZE:]
            self._position = start
        else:
            again = []
        repos = self._take(PAGE_SIZE)
        self._position += len(repos)
        cursor = str(self._position) if len(repos) == PAGE_SIZE else None
        return Answer([_as_item(repo, _STATE) for repo in again + repos], cursor, b"")

    def _take(self, n: int) -> list[ModelInfo]:
        try:
            return list(islice(self._repos, n))
        except Exception as exc:
            self._position = None  # the listing has to begin anew
            error = _as_ours(exc)
            if isinstance(error, NotFound):
                raise PermanentError(f"there is no such listing: {error}") from exc
            if error:
                raise error from exc
            raise

    def _ask(self, repo_id: str) -> dict[str, Any]:
        try:
            info = self._api.model_info(repo_id, files_metadata=True)
        except GatedRepoError:
            return {"id": repo_id, "fault": "a gated repository that does not show its files"}
        except (KeyError, TypeError, AttributeError) as exc:
            return {"id": repo_id, "fault": f"the answer cannot be read: {type(exc).__name__}"}
        except Exception as exc:
            if error := _as_ours(exc):
                raise error from exc
            raise
        repo = _as_item(info, _KEPT)
        repo["cardData"] = info.card_data.to_dict() if info.card_data else {}
        repo["siblings"] = [
            {"rfilename": file.rfilename, "size": file.size}
            | ({"lfs": {"sha256": file.lfs.sha256, "size": file.lfs.size}} if file.lfs else {})
            for file in info.siblings or []
        ]
        plain: dict[str, Any] = json.loads(json.dumps(repo, default=str))
        return plain


def _as_item(info: ModelInfo, names: tuple[str, ...]) -> dict[str, Any]:
    python_names = {"lastModified": "last_modified", "createdAt": "created_at"}
    found = {name: getattr(info, python_names.get(name, name), None) for name in names}
    return {name: value.isoformat() if name in python_names and value else value for name, value in found.items()}


def _as_ours(exc: Exception) -> CarlosError | None:
    """Turn what the Hub's library raises into our errors; None for what is no error of the Hub."""
    if isinstance(exc, DisabledRepoError):
        return NotFound("the Hub has disabled it")
    if isinstance(exc, HfHubHTTPError):
        status, headers = exc.response.status_code, exc.response.headers
        words = own_words(headers, exc.response.content)
        if words == _NO_REPO:
            return NotFound("the Hub says that there is no such repository")
        error = error_of("the Hub", status, words, headers)
        return Refused(f"{error} ({TOKEN})", status) if isinstance(error, Refused) else error
    if isinstance(exc, httpx2.HTTPError | ValueError | KeyError | TypeError | AttributeError):  # also an odd shape
        return NoAnswer(f"the Hub does not answer as it should: {type(exc).__name__}")
    return None
