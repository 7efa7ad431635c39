"""``jupyter eager ask``: a model's answer, run while it is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any, Final

from jupyter_core.application import base_aliases, base_flags
from traitlets import Dict, Float, Integer, Unicode

from eager_kernel._version import __version__
from eager_kernel.cli.record import value_of
from eager_kernel.cli.run import RunApp
from eager_kernel.cli.screen import Screen
from eager_kernel.core.conversation.prompts import SYSTEM_PROMPT
from eager_kernel.errors import SourceError
from eager_kernel.sources.credentials import USUAL_VARIABLES
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.registry import check_model_id
from eager_kernel.sources.source import Event, Finish, Message, Options, Progress, Request


class AskApp(RunApp):
    """Ask a model, and run its answer while it is written.

    ``jupyter eager ask MODEL PROMPT``, or ``-`` for a prompt on stdin.
    """

    name = "jupyter-eager-ask"
    version = __version__
    description = __doc__
    examples = """
jupyter eager ask openai/gpt-5 "Print the first ten primes"
jupyter eager ask openai/qwen --api-base http://localhost:11434/v1 - < prompt.txt
jupyter eager ask recorded/demo "Analyse a year of bike-share trips"
"""

    api_base = Unicode("", help="Address of a compatible server.").tag(config=True)
    credential = Unicode(
        "", help="Environment variable, or entry of the keyring, that holds the key."
    ).tag(config=True)
    system = Unicode(SYSTEM_PROMPT, help="What the model is told before the prompt.").tag(
        config=True
    )
    max_tokens = Integer(0, help="The longest answer wanted; 0: as the model has it.").tag(
        config=True
    )
    first_timeout = Float(300.0, help="Seconds that the first text may take.").tag(config=True)
    stall_timeout = Float(60.0, help="Seconds that may pass without any text.").tag(config=True)
    extra = Dict(help="What only one provider knows, as speed=0.").tag(config=True)

    aliases = {
        "api-base": "AskApp.api_base",
        "credential": "AskApp.credential",
        "system": "AskApp.system",
        "max-tokens": "AskApp.max_tokens",
        "extra": "AskApp.extra",
        **{name: to for name, to in RunApp.aliases.items() if name not in ("rate", "ttft")},
        **base_aliases,
    }
    flags = {**RunApp.flags, **base_flags}

    def work(self) -> int:
        """Ask and run; 0 if the program ran to its end, 1 if not."""
        if len(self.extra_args) != 2:
            self.exit("give a MODEL and a PROMPT, or - for a prompt on stdin")
        model, prompt = self.extra_args
        check_model_id(model)
        if prompt == "-":
            prompt = sys.stdin.read()
        if not prompt.strip():
            self.exit("the prompt is empty: say what the program is to do")
        system = [Message("system", self.system)] if self.system else []
        request = Request((*system, Message("user", prompt)), self.max_tokens or None)
        self._asked = _Asked(ModelProcess(model, self._options()), request)
        try:
            return self.run(self._asked, model, is_written=True)
        finally:
            self._asked.close()

    def make_screen(self, title: str, console: Any) -> Screen:
        """Make the screen, which also shows what the model does before it writes."""
        screen = super().make_screen(title, console)
        self._asked.show(screen)
        return screen

    def kernel_environment(self) -> dict[str, str]:
        """As ours, without keys: what runs there is a model's code."""
        keys = {*USUAL_VARIABLES.values(), self.credential}
        return {name: value for name, value in os.environ.items() if name not in keys}

    def _options(self) -> Options:
        return Options(
            self.api_base or None,
            self.credential or None,
            self.first_timeout,
            self.stall_timeout,
            {name: value_of(text) for name, text in self.extra.items()},
        )


class _Asked:
    """A model's answer, as an iterable of its text. It is asked for at once.

    Parameters
    ----------
    model
        The model.
    request
        What it is asked.
    """

    def __init__(self, model: ModelProcess, request: Request) -> None:
        self.finish_reason: str | None = None
        self._model = model
        self._request = request
        self._events: SimpleQueue[Event | SourceError | None] = SimpleQueue()
        self._screen: Screen | None = None

    def show(self, screen: Screen) -> None:
        """Ask, and have a screen show what the model does before its text."""
        self._screen, screen.on_stop = screen, self.stop
        # Before the kernel starts, as a model takes its time, too.
        self._answer = self._model.generate(self._request, self._hear)

    def _hear(self, event: Event | SourceError) -> None:
        if isinstance(event, Progress):
            if self._screen is not None:
                self._screen.tell(
                    {"type": "progress", "text": event.text, "fraction": event.fraction}
                )
            return
        self._events.put(event)

    def stop(self) -> None:
        """Let nobody wait any longer; the kernel wants no more text."""
        self._events.put(None)

    def __iter__(self) -> Iterator[str]:
        try:
            while (event := self._events.get()) is not None:
                if isinstance(event, SourceError):
                    raise event
                if isinstance(event, Finish):
                    self.finish_reason = event.reason
                    return
                assert isinstance(event, str)
                yield event
        finally:
            self._answer.cancel()

    def close(self) -> None:
        """End the model."""
        self._model.close()
        self._model.join(_PATIENCE)


_PATIENCE: Final = 5.0
