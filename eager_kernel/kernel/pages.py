"""What the pages of a server offer: its models, and what their users have chosen.

The extension of JupyterLab opens a comm of target ``eager.page`` and says which models its server
asks. When a cell wants one of them, the page has the server open a comm of target ``eager.models``
for that cell, on which the model is asked (`eager_kernel.kernel.served`). So the key stays where it
is, and the cell is the one that it would be anyway. Both are in `docs/protocol.md`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from eager_kernel.core.gate import MODES, Mode
from eager_kernel.errors import ProtocolError
from eager_kernel.kernel.served import Send, ServedModel
from eager_kernel.protocol.models import PAGE_TARGET, ProgramMessage, RunningMessage, WantMessage
from eager_kernel.protocol.words import word_of


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page says of its server and of its user's settings.

    Parameters
    ----------
    models
        The ids of the models that the server asks.
    model
        The one that the user has chosen in the settings; empty: none.
    gate
        The gate mode that the user has chosen there; None: none.
    config_file
        Where the models of the server are listed, if the user can change that.
    extension
        Whether the server has the extension that asks models.
    hub
        Whether somebody else runs the server for this user, as a hub does.
    """

    models: tuple[str, ...] = ()
    model: str = ""
    gate: Mode | None = None
    config_file: str = ""
    extension: bool = True
    hub: bool = False


class Pages:
    """The pages that show notebooks of this kernel, as far as they have the extension."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._pages: dict[str, _Page] = {}
        self._relays: dict[str, ServedModel] = {}
        self._wanted: dict[str, ServedModel] = {}
        self._text_cells: set[str] = set()
        self._stopped: deque[str] = deque(maxlen=64)
        self._gone: deque[str] = deque(maxlen=256)
        self.on_stop: Callable[[str], object] = lambda request: None
        """Told that the user stops the cell that a request runs, on the shell channel thread."""
        self.running: Callable[[], tuple[str, str] | None] = lambda: None
        """The id of the cell that runs now, and of its view; None: no cell does that has one."""

    # The shell channel thread ---------------------------------------------------------------

    def knows(self, comm_id: str) -> bool:
        """Whether a comm is one of ours."""
        return comm_id in self._pages or comm_id in self._relays or comm_id in self._gone

    def open(self, target: str, comm_id: str, data: Any, send: Send) -> None:
        """Take a new comm.

        Parameters
        ----------
        target
            One of `eager_kernel.protocol.models.TARGETS`.
        comm_id, data
            As received.
        send
            Sends on the comm.

        Raises
        ------
        ProtocolError
            Names the field that is wrong.
        """
        if target == PAGE_TARGET:
            offer = parse_offer(data)
            with self._lock:
                self._pages[comm_id] = _Page(offer, send)
                while len(self._pages) > _MOST:
                    self._pages.pop(next(iter(self._pages)))
            running = self.running()
            if running is not None:
                cell_id, view = running
                told = RunningMessage(type="running", cell_id=cell_id, view=view)
                send("comm_msg", dict(told))
            return
        cell_id = _text(_fields(data), "cell_id")
        with self._lock:
            model = self._wanted.get(cell_id)
            if model is not None:
                self._relays[comm_id] = model
        if model is None:
            send("comm_close", {})  # the cell has ended, or never wanted it
        else:
            model.attach(send)

    def take(self, comm_id: str, data: Any) -> None:
        """Take a message.

        Raises
        ------
        ProtocolError
            Names the field that is wrong.
        """
        relay = self._relays.get(comm_id)
        if relay is not None:
            relay.take(_fields(data))
            return
        if comm_id not in self._pages:
            return  # a late one
        fields = _fields(data)
        match fields.get("type"):
            case "offer":
                offer = parse_offer(fields)
                with self._lock:
                    self._pages[comm_id].offer = offer
            case "text_cell":
                with self._lock:
                    self._text_cells.add(_text(fields, "cell_id"))
            case "stop":
                request = _text(fields, "request")
                with self._lock:
                    self._stopped.append(request)
                self.on_stop(request)
            case "heard":
                model = self._wanted.get(_text(fields, "cell_id"))
                if model is not None:
                    model.be_patient()
            case "refused":
                model = self._wanted.get(_text(fields, "cell_id"))
                if model is not None:
                    model.refuse(_text(fields, "message"))
            case other:
                raise ProtocolError("data.type", f"{str(other)[:60]!r} is unknown")

    def close(self, comm_id: str) -> None:
        """A comm has been closed."""
        with self._lock:
            self._pages.pop(comm_id, None)
            relay = self._relays.pop(comm_id, None)
            self._gone.append(comm_id)
        if relay is not None:
            relay.detach()

    # The main thread ------------------------------------------------------------------------

    @property
    def offer(self) -> Offer | None:
        """What the latest page offers; None where there is none."""
        with self._lock:
            return next(reversed(self._pages.values())).offer if self._pages else None

    @property
    def waiting(self) -> bool:
        """Whether a cell waits for the server, which asks first who this kernel is."""
        return bool(self._wanted)

    def serve(self, cell_id: str, request: str, model_id: str, requests: int) -> ServedModel:
        """Have the server's model answer a cell.

        Parameters
        ----------
        cell_id, request
            The cell, which must be one that a page runs, and the id of the page's request.
        model_id
            One of the offer's models.
        requests
            How often it may be asked.
        """
        model = ServedModel(model_id, lambda: self._forget(cell_id))
        with self._lock:
            self._wanted[cell_id] = model
            pages = list(self._pages.values())
        want = WantMessage(
            type="want", cell_id=cell_id, request=request, model=model_id, requests=requests
        )
        for page in pages:
            page.send("comm_msg", dict(want))
        return model

    def _forget(self, cell_id: str) -> None:
        with self._lock:
            model = self._wanted.pop(cell_id, None)
            for comm_id in [c for c, relay in self._relays.items() if relay is model]:
                del self._relays[comm_id]
                self._gone.append(comm_id)

    def is_text_cell(self, cell_id: str | None) -> bool:
        """Whether a cell gets its own program as its text: it stands below a prompt of text."""
        return cell_id in self._text_cells

    def take_stop(self, request: str) -> bool:
        """Whether the user has stopped the cell that a request runs, and nobody has acted on it.

        Whoever gets True is the one to act on it: the thread that hears of it, where the cell runs,
        or the cell that begins.
        """
        with self._lock:
            stopped = request in self._stopped
            if stopped:
                self._stopped.remove(request)
        return stopped

    def ended(self, cell_id: str | None, program: str) -> None:
        """Tell the pages of a text cell's end, and what program it has run."""
        with self._lock:
            if cell_id is None or cell_id not in self._text_cells:
                return
            self._text_cells.discard(cell_id)
            pages = list(self._pages.values())
        ended = ProgramMessage(type="program", cell_id=cell_id, program=program)
        for page in pages:
            page.send("comm_msg", dict(ended))


@dataclass(slots=True)
class _Page:
    offer: Offer
    send: Send


def parse_offer(data: Any) -> Offer:
    """Check what a page says of itself.

    Raises
    ------
    ProtocolError
        Names the field that is wrong.
    """
    fields = _fields(data)
    models = fields.get("models", [])
    if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
        raise ProtocolError("data.models", "must be a list of strings")
    named = _text(fields, "gate", "")
    gate = word_of(named, MODES)
    if named and gate is None:
        raise ProtocolError("data.gate", f"must be one of {', '.join(MODES)}")
    return Offer(
        models=tuple(models),
        model=_text(fields, "model", ""),
        gate=gate,
        config_file=_text(fields, "config_file", ""),
        extension=bool(fields.get("extension", True)),
        hub=bool(fields.get("hub", False)),
    )


def _fields(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ProtocolError("data", "must be an object")
    return data


def _text(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise ProtocolError(f"data.{name}", "must be a string")
    return value


_MOST: Final = 64
