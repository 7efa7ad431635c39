"""The part of the Hugging Face hub that downloads use, on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

_WITH_REVISION = ("revision", "resolve", "tree")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves folders as repositories.

    Parameters
    ----------
    repositories
        Folders by ``ORG/REPO``.
    refused
        Status and error code, as the hub words it, of other repositories.

    Attributes
    ----------
    endpoint : str
        For ``HF_ENDPOINT``.
    """

    def __init__(
        self, repositories: dict[str, Path], refused: dict[str, tuple[HTTPStatus, str]]
    ) -> None:
        handler = type("Handler", (_Handler,), {"repositories": repositories, "refused": refused})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repositories: ClassVar[dict[str, Path]]
    refused: ClassVar[dict[str, tuple[HTTPStatus, str]]]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            parts = parts[2:]
        repository, rest = "/".join(parts[:2]), parts[2:]
        if repository in self.refused:
            status, code = self.refused[repository]
            self._send(status, code)
        elif repository not in self.repositories:
            self._send(HTTPStatus.UNAUTHORIZED, "RepoNotFound")
        elif rest and rest[0] in _WITH_REVISION and rest[1] not in ("main", COMMIT):
            self._send(HTTPStatus.NOT_FOUND, "RevisionNotFound")
        elif rest[:1] == ["resolve"]:
            self._send_file(self.repositories[repository].joinpath(*rest[2:]))
        else:
            files = sorted(self.repositories[repository].iterdir())
            if rest[:1] == ["tree"]:
                tree = [
                    {
                        "type": "file",
                        "path": file.name,
                        "size": file.stat().st_size,
                        "oid": "0" * 40,
                    }
                    for file in files
                ]
                self._send(HTTPStatus.OK, body=json.dumps(tree).encode())
            else:
                about = {"id": repository, "sha": COMMIT, "private": False, "disabled": False}
                siblings = [{"rfilename": file.name} for file in files]
                about |= {"gated": False, "tags": [], "downloads": 0, "likes": 0}
                body = json.dumps({**about, "siblings": siblings}).encode()
                self._send(HTTPStatus.OK, body=body)

    def _send_file(self, file: Path) -> None:
        if not file.is_file():
            self._send(HTTPStatus.NOT_FOUND, "EntryNotFound")
            return
        body = file.read_bytes()
        self._send(HTTPStatus.OK, body=body, etag=hashlib.sha256(body).hexdigest())

    def _send(self, status: HTTPStatus, code: str = "", body: bytes = b"", etag: str = "") -> None:
        self.send_response(status)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(body)))
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""
