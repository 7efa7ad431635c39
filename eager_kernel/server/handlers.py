"""The HTTP interface of the extension: ``/eager/api/…``, as `openapi.json` describes it.

Who may come in is Jupyter Server's business: its login or token, its authoriser (resource
``eager``), its check of the origin and against forged requests. Running a program in a kernel
asks for ``execute`` on ``kernels`` too, as the kernel's websocket does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

from jupyter_core.paths import jupyter_config_dir
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web
from tornado.iostream import StreamClosedError

from eager_kernel._version import __version__
from eager_kernel.errors import (
    KernelConnectionError,
    LimitError,
    ProtocolError,
    SourceError,
    UnknownModelError,
)
from eager_kernel.magics.cell_text import read_cell
from eager_kernel.server.kernels import way_to
from eager_kernel.server.relay import begin_relay
from eager_kernel.server.request import parse_cell, parse_run
from eager_kernel.server.runs import Event, Runs, ServerRun

Parsed = TypeVar("Parsed")


class EagerHandler(ExtensionHandlerMixin, APIHandler):
    """What all of them share."""

    auth_resource = "eager"

    @property
    def app(self) -> Any:
        """The extension: `eager_kernel.server.app.EagerServer`."""
        return self.settings["eager_kernel"]

    @property
    def runs(self) -> Runs:
        """The runs of the server."""
        runs: Runs = self.app.runs
        return runs

    @property
    def owner(self) -> str:
        """Whose runs they are.

        Who comes with a token or a password that all share has a new name in each browser, and
        none at all in a program: those are one user.
        """
        user = self.current_user
        return "" if user.name.startswith("Anonymous ") else str(user.username)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what was wrong, and when to ask again."""
        if status_code == 429:
            self.set_header("Retry-After", _ASK_AGAIN)
        super().write_error(status_code, **kwargs)

    def run_of(self, run_id: str) -> ServerRun:
        """A run of this user's."""
        run = self.runs.find(self.owner, run_id)
        if run is None:
            raise web.HTTPError(404, "you have no such run: it never was, or it is long over")
        return run

    async def need(self, action: str, resource: str) -> None:
        """Have the server's authoriser allow something more."""
        allowed = self.authorizer.is_authorized(self, self.current_user, action, resource)
        if not await ensure_async(allowed):
            raise web.HTTPError(403, f"User is not authorized to {action} on resource: {resource}.")

    def parse_body(self, parse: Callable[[bytes, int], Parsed]) -> Parsed:
        """What a request says, read by `parse`: of its body, with so many characters of text."""
        if self.request.headers.get("Content-Type", "").partition(";")[0] != "application/json":
            # Which no form of another site can send.
            raise web.HTTPError(415, "Content-Type: must be application/json")
        try:
            return parse(self.request.body, self.app.max_prompt_chars)
        except ProtocolError as error:
            raise web.HTTPError(400, str(error)) from error
        except LimitError as error:
            raise web.HTTPError(413, str(error)) from error


class RunsHandler(EagerHandler):
    """``/eager/api/runs``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List this user's runs."""
        self.finish(json.dumps([run.to_dict() for run in self.runs.of(self.owner)]))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Begin a run."""
        await self.need("execute", "kernels")
        request = self.parse_body(parse_run)
        if request.kernel_id not in self.kernel_manager:
            raise web.HTTPError(404, "kernel_id: this server has no such kernel")
        manager = self.kernel_manager.get_kernel(request.kernel_id)
        begin = begin_relay if request.cell == "kernel" else Runs.begin
        try:
            run = await begin(self.runs, self.owner, request, lambda: way_to(manager))
        except UnknownModelError as error:
            raise web.HTTPError(404, f"model: {error}") from error
        except LimitError as error:
            raise web.HTTPError(429, str(error)) from error
        except (KernelConnectionError, SourceError) as error:
            raise web.HTTPError(503, str(error)) from error
        self.log.info("Eager run %s of %s in kernel %s", run.id, run.model, request.kernel_id)
        self.set_status(201)
        self.set_header("Location", f"{self.base_url}eager/api/runs/{run.id}")
        self.finish(json.dumps(run.to_dict()))


class RunHandler(EagerHandler):
    """``/eager/api/runs/{id}``."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Say how a run is."""
        self.finish(json.dumps(self.run_of(run_id).to_dict()))

    @web.authenticated
    @authorized
    async def delete(self, run_id: str) -> None:
        """Cancel a run; what is running of its program ends first."""
        await self.run_of(run_id).cancel()
        self.set_status(204)
        self.finish()


class EventsHandler(EagerHandler):
    """``/eager/api/runs/{id}/events``."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Send a run's events, from its beginning or from where a reader was, to its end."""
        run = self.run_of(run_id)
        after = self.request.headers.get("Last-Event-ID", "0")
        if not after.isascii() or not after.isdigit() or len(after) > 12:
            raise web.HTTPError(400, "Last-Event-ID: must be the number of an event")
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")  # or nginx would hold the events back
        try:
            await self.flush()
            async for event in run.follow(min(int(after), len(run.events)), _BEAT):
                self.write(": still here\n\n" if event is None else _as_text(event))
                # As fast as it is read: what waits is in the run's list, once for all readers.
                await self.flush()
        except StreamClosedError:
            return  # the reader went, and may come back
        self.finish(set_content_type="text/event-stream")


class ModelsHandler(EagerHandler):
    """``/eager/api/models``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List the models that this server asks, the one first that it asks where none is named.

        Their ids alone: where they are, and by which key, is the deployer's.
        """
        self.finish(json.dumps([{"id": name} for name in self.app.known.asked]))


class CellsHandler(EagerHandler):
    """``/eager/api/cells``."""

    @web.authenticated
    @authorized("read")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """Say what the text of a cell asks for. Nothing comes of that: no cell is run."""
        self.finish(json.dumps(asdict(read_cell(self.parse_body(parse_cell)))))


class SetupHandler(EagerHandler):
    """``/eager/api/setup``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Say where models are listed, for who has none.

        The file is the server's own, which its user may write; under a hub it is somebody else's.
        """
        hub = any(name.startswith("JUPYTERHUB_") for name in os.environ)
        file = "" if hub else str(Path(jupyter_config_dir(), "jupyter_server_config.py"))
        self.finish(json.dumps({"config_file": file, "hub": hub}))


class DescriptionHandler(EagerHandler):
    """``/eager/api/openapi.json``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Describe the interface."""
        self.finish(json.dumps(description(self.base_url)))


def description(base_url: str) -> dict[str, Any]:
    """The OpenAPI description.

    Parameters
    ----------
    base_url
        Of the server.
    """
    text = resources.files("eager_kernel.server").joinpath("openapi.json").read_text("utf-8")
    described: dict[str, Any] = json.loads(text)
    described["info"]["version"] = __version__
    described["servers"] = [{"url": base_url.rstrip("/") or "/"}]
    return described


def _as_text(event: Event) -> str:
    # JSON has no line ends of its own, so no text of a model can make an event; and the kinds are
    # ours.
    return f"id: {event.number}\nevent: {event.kind}\ndata: {event.text}\n\n"


HANDLERS: Final = [
    (r"/eager/api/runs", RunsHandler),
    (r"/eager/api/runs/([^/]+)", RunHandler),
    (r"/eager/api/runs/([^/]+)/events", EventsHandler),
    (r"/eager/api/models", ModelsHandler),
    (r"/eager/api/cells", CellsHandler),
    (r"/eager/api/setup", SetupHandler),
    (r"/eager/api/openapi\.json", DescriptionHandler),
]
_BEAT: Final = 15.0
_ASK_AGAIN: Final = "5"
