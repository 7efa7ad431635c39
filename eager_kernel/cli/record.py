"""``jupyter eager record``: a model's answer, to be replayed without the model."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from jupyter_core.application import base_aliases, base_flags
from traitlets import Bool, Dict, Float, Integer, Unicode

from eager_kernel._version import __version__
from eager_kernel.errors import EagerError
from eager_kernel.sources.answer import Answer
from eager_kernel.sources.recorded import BUNDLED, recordings_folder
from eager_kernel.sources.recording import RecordedAnswer, Recorder, format_answer
from eager_kernel.sources.registry import open_source
from eager_kernel.sources.source import Message, Options, Progress, Request
from eager_kernel.terminal.command import Command


class RecordApp(Command):
    """Record an answer: ``jupyter eager record MODEL PROMPT``, or ``-`` for a prompt on stdin."""

    name = "jupyter-eager-record"
    version = __version__
    description = __doc__
    examples = """
jupyter eager record openai/gpt-5 "Plot a sine with matplotlib" --name sine
jupyter eager record openai/qwen --api-base http://localhost:8000/v1 - -o sine.jsonl < prompt.txt
"""

    output = Unicode("", help="Write the recording to this file.").tag(config=True)
    recording = Unicode(
        "", help="Write it to the folder of recordings, to be used as recorded/NAME."
    ).tag(config=True)
    api_base = Unicode("", help="Address of a compatible server.").tag(config=True)
    credential = Unicode(
        "", help="Environment variable, or entry of the keyring, that holds the key."
    ).tag(config=True)
    system = Unicode("", help="The system prompt.").tag(config=True)
    max_tokens = Integer(0, help="The longest answer wanted; 0: as the model has it.").tag(
        config=True
    )
    first_timeout = Float(300.0, help="Seconds that the first text may take.").tag(config=True)
    stall_timeout = Float(60.0, help="Seconds that may pass without any text.").tag(config=True)
    extra = Dict(help="What only one provider knows, as speed=0.").tag(config=True)
    force = Bool(False, help="Overwrite a recording.").tag(config=True)

    aliases = {
        "o": "RecordApp.output",
        "output": "RecordApp.output",
        "name": "RecordApp.recording",
        "api-base": "RecordApp.api_base",
        "credential": "RecordApp.credential",
        "system": "RecordApp.system",
        "max-tokens": "RecordApp.max_tokens",
        "extra": "RecordApp.extra",
        **base_aliases,
    }
    flags = {"force": ({"RecordApp": {"force": True}}, force.help), **base_flags}

    def work(self) -> None:
        """Record; what fails before the answer's end is an error."""
        if len(self.extra_args) != 2:
            self.exit("give a MODEL and a PROMPT, or - for a prompt on stdin")
        model_id, prompt = self.extra_args
        path = self._path()
        if prompt == "-":
            prompt = sys.stdin.read()
        answer = asyncio.run(self._record(model_id, prompt))
        path.parent.mkdir(parents=True, exist_ok=True)
        # Bytes, because text mode would write other line ends on Windows.
        path.write_bytes(format_answer(answer, model=model_id).encode("ascii"))
        _say(f"{len(answer.deltas)} deltas, finish_reason {answer.finish_reason}: {path}")

    def _path(self) -> Path:
        if bool(self.output) == bool(self.recording):
            raise EagerError("say where to write the recording: --name NAME, or -o FILE")
        if self.recording == BUNDLED:
            raise EagerError(f"the name {BUNDLED!r} is taken: choose another")
        if self.recording and Path(self.recording).name != self.recording:
            raise EagerError(f"{self.recording!r} is a path; for a file, use -o FILE")
        path = Path(self.output) if self.output else recordings_folder() / f"{self.recording}.jsonl"
        if path.exists() and not self.force:
            raise EagerError(f"{path} exists: --force overwrites it")
        return path

    async def _record(self, model_id: str, prompt: str) -> RecordedAnswer:
        system = [Message("system", self.system)] if self.system else []
        request = Request((*system, Message("user", prompt)), self.max_tokens or None)
        options = Options(
            self.api_base or None,
            self.credential or None,
            self.first_timeout,
            self.stall_timeout,
            {name: value_of(text) for name, text in self.extra.items()},
        )
        async with aclosing(open_source(model_id, options)) as source:
            recorder = Recorder(Answer(source, request, options, _show_progress))
            async with aclosing(recorder):
                async for text in recorder:
                    sys.stdout.write(_harmless(text))
                    sys.stdout.flush()
        sys.stdout.write("\n")
        return recorder.recorded()


def value_of(text: str) -> str | float | bool:
    """Make a value of what was written on the command line."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def _harmless(text: str) -> str:
    """Show what would command the terminal, or can't be written to it, as escapes."""
    shown = "".join(
        character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1]
        for character in text
    )
    encoding = sys.stdout.encoding or "utf-8"
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def _show_progress(progress: Progress) -> None:
    share = f" {progress.fraction:.0%}" if progress.fraction is not None else ""
    _say(_harmless(f"{progress.text}{share}"))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
