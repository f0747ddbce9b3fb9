"""A server in the Hub's shape: a listing with Link headers, repositories with their files, downloads by commit."""

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.sources.bad_server import Handler

SHA = "a" * 40


def a_repo(name: str = "zebra/stripes", commit: str = SHA, day: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a repository as the Hub gives it with `blobs=true`."""
    weights = {"rfilename": "stripes.safetensors", "size": 5, "lfs": {"sha256": "ab" * 32, "size": 5, "pointerSize": 9}}
    return {
        "_id": "66",
        "id": name,
        "modelId": name,
        "author": name.rpartition("/")[0],
        "sha": commit,
        "lastModified": f"2026-01-{day:02d}T09:16:12.000Z",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "private": False,
        "gated": False,
        "disabled": False,
        "tags": ["diffusers", "lora"],
        "downloads": 7,
        "library_name": "diffusers",
        "cardData": {
            "base_model": ["stabilityai/stable-diffusion-xl-base-1.0"],
            "instance_prompt": "in stripes",
            "license": "openrail++",
            "tags": ["lora"],
        },
        "siblings": [{"rfilename": "README.md", "size": 9}, weights],
    } | changes


def weights(name: str, sha256: str = "cd" * 32) -> dict[str, Any]:
    """Return one file of a repository."""
    return {"rfilename": name, "size": 5, "lfs": {"sha256": sha256, "size": 5, "pointerSize": 9}}


class HubServer:
    """What the Hub holds and what it was asked; `faults` are used up one per request to the API."""

    def __init__(self) -> None:
        self.page_size = 2
        self.repos: list[dict[str, Any]] = []
        self.hidden: set[str] = set()
        self.files: dict[str, tuple[int, bytes]] = {}
        self.faults: list[str | None] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.address = ""

    def asked(self, start: str) -> int:
        """How many requests had a path that starts so."""
        return sum(path.startswith(start) for path, _ in self.requests)


class HubHandler(Handler):
    """One request."""

    state: HubServer  # type: ignore[assignment]

    def do_GET(self) -> None:
        """Answer for the Hub."""
        self.state.requests.append((self.path, dict(self.headers)))
        parts = urlsplit(self.path)
        if "/resolve/" in parts.path:
            status, body = self.state.files.get(unquote(parts.path), (404, b'{"error": "Entry not found"}'))
            self.send(status, body)
            return
        fault = self.state.faults.pop(0) if self.state.faults else None
        if parts.path == "/api/models":
            status, found, headers = self.listing(parse_qs(parts.query))
        else:
            name = unquote(parts.path.removeprefix("/api/models/"))
            repo = next((repo for repo in self.state.repos if repo["id"] == name), None)
            status, found, headers = (404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            if repo is not None:
                status, found, headers = (200, repo, {})
        if fault is not None:
            self.misbehave(fault, json.dumps(found).encode())
        else:
            self.send(status, json.dumps(found).encode(), headers=headers)

    def listing(self, query: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        """Return one page, newest change first, with a link to the next."""
        named = [repo for repo in self.state.repos if repo["id"] not in self.state.hidden]
        found = sorted(named, key=lambda repo: str(repo["lastModified"]), reverse=True)
        start = int(query.get("cursor", ["0"])[0])
        end = start + self.state.page_size
        names = ("_id", "id", "modelId", "sha", "lastModified", "private", "gated", "disabled")
        page = [{name: repo[name] for name in names if name in repo} for repo in found[start:end]]
        link = f'<{self.state.address}/api/models?filter=lora&cursor={end}>; rel="next"'
        return 200, page, {"Link": link} if end < len(found) else {}
