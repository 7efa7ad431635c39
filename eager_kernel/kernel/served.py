"""A model that the Jupyter server asks for a cell, as the kernel sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from eager_kernel.errors import ProtocolError, SourceError
from eager_kernel.protocol.models import ALIVE, ANSWER_WORDS, CancelAnswerMessage, GenerateMessage
from eager_kernel.sources.life import ModelThread
from eager_kernel.sources.source import Event, Finish, Request
from eager_kernel.sources.wire import event_from_dict, request_to_dict

Send = Callable[[str, dict[str, Any]], None]
"""Sends on a comm: a message's type and its data. From any thread."""

Hear = Callable[[Event | SourceError], None]


class ServedModel:
    """The model of one cell. It is asked like a model's own process.

    Parameters
    ----------
    model_id
        The model.
    on_end
        Called when the cell needs it no longer.
    """

    def __init__(self, model_id: str, on_end: Callable[[], None]) -> None:
        self.model_id = model_id
        self._on_end = on_end
        self._lock = threading.RLock()
        self._send: Send | None = None
        self._unsent: list[GenerateMessage] = []
        self._answers: dict[int, ServedAnswer] = {}
        self._count = 0
        self._problem = ""
        self._ended = False
        self._heard = time.monotonic()
        self._patience = _UNTIL_A_PAGE_ANSWERS
        self._silence = (
            "the page that offered the server's models does not answer: reload it, and run the "
            "cell again"
        )
        self._over = threading.Event()
        ModelThread(self._watch, "eager-served").start()

    # The thread of the cell, and any other --------------------------------------------------

    def generate(self, request: Request, hear: Hear) -> ServedAnswer:
        """Ask the model.

        Parameters
        ----------
        request
            What is asked.
        hear
            Called with each event, in order, on a thread that must not wait. The last is a
            `Finish` or a `SourceError`.
        """
        with self._lock:
            answer = ServedAnswer(self, self._count, hear)
            self._count += 1
            problem = self._problem
            if not problem:
                self._answers[answer.number] = answer
                asked = request_to_dict(request)
                self._tell(GenerateMessage(type="generate", id=answer.number, request=asked))
        if problem:
            hear(SourceError(problem))
        return answer

    def cancel(self, answer: ServedAnswer) -> None:
        """Have an answer ended."""
        with self._lock:
            if self._answers.pop(answer.number, None) is not None:
                self._tell(CancelAnswerMessage(type="cancel", id=answer.number))

    def end(self) -> None:
        """The cell has ended: nothing more is asked."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._answers.clear()
            send, self._send = self._send, None
        if send is not None:
            send("comm_close", {})
        self._over.set()
        self._on_end()

    def _tell(self, message: GenerateMessage | CancelAnswerMessage) -> None:
        if self._send is not None:
            self._send("comm_msg", dict(message))
        elif message["type"] == "generate":
            self._unsent.append(message)

    # The shell channel thread ---------------------------------------------------------------

    def attach(self, send: Send) -> None:
        """The server is there: tell it what has been asked."""
        with self._lock:
            if self._send is not None or self._ended or self._problem:
                send("comm_close", {})
                return
            self._send = send
            self._note(_BETWEEN_WORDS, "the Jupyter server is silent: does it still run?")
            for message in self._unsent:
                if message["id"] in self._answers:
                    send("comm_msg", dict(message))
            self._unsent.clear()

    def be_patient(self) -> None:
        """The page has heard of the cell, and asks its server."""
        with self._lock:
            if self._send is None:
                self._note(_UNTIL_THE_SERVER_ANSWERS, "the Jupyter server does not answer")

    def take(self, message: dict[str, Any]) -> None:
        """Take what the server says.

        Raises
        ------
        ProtocolError
            It is no such message.
        """
        self._heard = time.monotonic()
        if message.get("type") == ALIVE:
            return
        answer = self._answers.get(message.get("id", -1))
        if answer is None:
            return  # of an answer that is not wanted any more
        if message.get("type") not in ANSWER_WORDS:
            raise ProtocolError("data.type", f"must be one of {', '.join(ANSWER_WORDS)}, {ALIVE}")
        try:
            event = event_from_dict(message)
        except (KeyError, TypeError) as error:
            raise ProtocolError("data", f"a field is missing or wrong: {error}") from error
        if isinstance(event, str):
            if message.get("offset") != answer.chars:
                event = SourceError("a part of the answer was lost on its way: ask again")
                self.cancel(answer)
            else:
                answer.chars += len(event)
        if isinstance(event, Finish | SourceError):
            with self._lock:
                self._answers.pop(answer.number, None)
        answer.hear(event)

    def refuse(self, why: str) -> None:
        """Nobody will answer."""
        with self._lock:
            self._problem = why
            waiting = list(self._answers.values())
            self._answers.clear()
        for answer in waiting:
            answer.hear(SourceError(why))

    def detach(self) -> None:
        """The server has closed its comm."""
        with self._lock:
            self._send = None
        self.refuse("the Jupyter server has ended the run")

    # A thread of its own --------------------------------------------------------------------

    def _note(self, patience: float, silence: str) -> None:
        self._heard, self._patience, self._silence = time.monotonic(), patience, silence

    def _watch(self) -> None:
        """See that somebody answers."""
        while not self._over.wait(_LOOK):
            with self._lock:
                silent = time.monotonic() - self._heard > self._patience
                overdue, why = silent and bool(self._answers), self._silence
            if overdue:
                self.refuse(why)
                return


class ServedAnswer:
    """One answer on its way.

    Parameters
    ----------
    model
        Whose it is.
    number
        Its number.
    hear
        Takes its events.
    """

    def __init__(self, model: ServedModel, number: int, hear: Hear) -> None:
        self.number = number
        self.hear = hear
        self.chars = 0
        """Characters that have come."""
        self._model = model

    def cancel(self) -> None:
        """Stop it, from any thread. Nothing is heard after that."""
        self._model.cancel(self)


_LOOK: Final = 1.0
_UNTIL_A_PAGE_ANSWERS = 20.0
_UNTIL_THE_SERVER_ANSWERS: Final = 40.0
_BETWEEN_WORDS: Final = 40.0
"""The server says that it is alive more often than that."""
