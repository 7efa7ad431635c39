"""smolagents: `EagerCodeAgent`, a `CodeAgent` whose program runs while the model writes it.

>>> from eager_kernel.agents.smolagents import EagerCodeAgent as CodeAgent   # doctest: +SKIP
>>> agent = CodeAgent(tools=[], model=model)                                 # doctest: +SKIP
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Generator, Iterator
from typing import Any, Final

from eager_kernel.errors import KernelConnectionError, MissingExtraError

try:
    import PIL.Image
    from smolagents import CodeAgent
    from smolagents.models import ChatMessage, ChatMessageStreamDelta, agglomerate_stream_deltas
except ImportError as error:
    raise MissingExtraError("eager_kernel.agents.smolagents", "smolagents") from error

from eager_kernel.agents._executor import EagerPythonExecutor
from eager_kernel.agents._history import FirstLine, arguments, written
from eager_kernel.client import AsyncEagerClient, EagerClient, RunResult
from eager_kernel.client.eager_run import EagerRun

__all__ = ["EagerCodeAgent", "EagerPythonExecutor"]


class EagerCodeAgent(CodeAgent):
    """A `CodeAgent` that runs each program in a kernel while the model writes it.

    It takes what `CodeAgent` takes, and remembers its steps as `CodeAgent` does. The model is
    streamed wherever it can be, with `stream_outputs` or without; when a statement fails, or calls
    ``final_answer``, the model is stopped there, and the step keeps what it wrote up to that
    statement.

    Parameters
    ----------
    args, kwargs
        As of `CodeAgent`; `executor_kwargs` are options of `EagerPythonExecutor`.
    client, url, token
        The kernel; as of `EagerPythonExecutor`.
    figures
        Whether the model sees the pictures that its programs show, in the next step. A model that
        reads text alone may refuse them. They are in ``step.observations_images``, and those of
        the last program always in ``agent.python_executor.figures``.

    Notes
    -----
    `interrupt` also interrupts the statement that runs, from any thread.

    `CodeAgent`'s own interpreter refuses much of Python; this is all of it, with the rights of its
    process. What is said of `additional_authorized_imports` in `EagerPythonExecutor` is no sandbox.
    """

    model: Any

    def __init__(
        self,
        *args: Any,
        client: EagerClient | AsyncEagerClient | None = None,
        url: str | None = None,
        token: str | None = None,
        figures: bool = True,
        **kwargs: Any,
    ) -> None:
        self._kernel_options = {"client": client, "url": url, "token": token}
        self._figures = figures
        super().__init__(*args, **kwargs)
        if not isinstance(self.python_executor, EagerPythonExecutor):
            raise TypeError(
                "EagerCodeAgent runs programs with an EagerPythonExecutor; for another executor, "
                "use CodeAgent"
            )

    def create_python_executor(self) -> EagerPythonExecutor:
        """Make what runs the programs.

        Raises
        ------
        ValueError
            `executor_type` asks for something else.
        """
        if self.executor_type != "local":
            raise ValueError(
                f"executor_type={self.executor_type!r}: EagerCodeAgent has an executor of its own; "
                "for a kernel elsewhere, give url=..."
            )
        return EagerPythonExecutor(
            self.additional_authorized_imports,
            **{
                **self._kernel_options,
                "max_print_outputs_length": self.max_print_outputs_length,
                **self.executor_kwargs,
            },
        )

    def interrupt(self) -> None:
        """End the agent's run, and what its program does."""
        super().interrupt()
        self.python_executor.cancel()

    def _step_stream(self, memory_step: Any) -> Generator[Any]:
        # Plans and answers at the last step are asked for elsewhere, by the model itself.
        model = self.model
        text_format = _format(self.code_block_tags, self._use_structured_outputs_internally)
        if text_format is not None and hasattr(model, "generate_stream"):
            self.model = _ListenedTo(self, model, text_format)
        try:
            yield from super()._step_stream(memory_step)
        finally:
            self.model = model
            self.python_executor.forget()
            if self._figures and not getattr(model, "flatten_messages_as_text", False):
                self._show_figures(memory_step)

    def _show_figures(self, memory_step: Any) -> None:
        figures = [PIL.Image.open(io.BytesIO(f.data)) for f in self.python_executor.figures]
        if figures:
            memory_step.observations_images = [*(memory_step.observations_images or []), *figures]


class _ListenedTo:
    """A model, while it is asked for a program.

    Parameters
    ----------
    agent
        Who asks.
    model
        Who is asked.
    text_format
        Where in the answer the program is.
    """

    def __init__(self, agent: EagerCodeAgent, model: Any, text_format: str) -> None:
        self._agent = agent
        self._model = model
        self._format = text_format

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, *args: Any, **kwargs: Any) -> ChatMessage:
        return agglomerate_stream_deltas(list(self.generate_stream(*args, **kwargs)))

    def generate_stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatMessageStreamDelta]:
        stream = self._model.generate_stream(*args, **kwargs)
        executor: EagerPythonExecutor = self._agent.python_executor
        deltas: list[ChatMessageStreamDelta] = []
        run: EagerRun | None = None
        is_tagged = self._format.startswith("tags:")
        first_line = FirstLine(self._agent.code_block_tags[0] if is_tagged else "")
        is_wanted = True
        try:
            for delta in stream:
                # The kernel may still be starting: by now the model has been asked.
                run = run or executor.begin(self._format)
                deltas.append(delta)
                if is_wanted:
                    is_wanted = run.feed(first_line.take(delta.content or ""))
                yield delta
                if not is_wanted and (result := _outcome(run)) is not None:
                    _close(stream)
                    self._keep(deltas, result)
                    return
            if run is not None:
                run.end("stop")
        except BaseException:
            executor.forget()
            raise
        finally:
            _close(stream)

    def _keep(self, deltas: list[ChatMessageStreamDelta], result: RunResult) -> None:
        """Let the answer end with the statement that stopped it.

        The step's text, code and log are all made of these deltas.
        """
        raw = "".join(delta.content or "" for delta in deltas)
        program = written(result) or result.program
        if self._format == "json:code":
            # Also where there is no program yet: the JSON is cut all the same.
            text = json.dumps(arguments(program, "code", raw))
        elif not program:
            return
        else:
            opening = self._agent.code_block_tags[0]
            before, mark, _ = raw.partition(opening)
            text = f"{before if mark else ''}{opening}\n{program.rstrip()}\n"
        for delta in deltas:
            size = len(delta.content or "")
            delta.content, text = text[:size], text[size:]
        deltas[-1].content += text


def _outcome(run: EagerRun) -> RunResult | None:
    """Give the outcome of a run that stopped; None if it is lost with its kernel.

    Then the model writes on, so that the history is whole, and the executor says what happened.
    """
    try:
        return run.result()
    except KernelConnectionError:
        return None


def _close(stream: Any) -> None:
    """End the model's answer."""
    close = getattr(stream, "close", None)
    if close is not None:
        close()


def _format(tags: tuple[str, str], is_json: bool) -> str | None:
    """Name the answer's format, as the kernel knows it; None: it knows none like this."""
    if is_json:
        return "json:code"
    if tags == ("```python", "```"):
        return "markdown"
    opening = _TAG.fullmatch(tags[0])
    if opening is not None and tags[1] == f"</{opening[1]}>":
        return f"tags:{opening[1]}"
    return None


_TAG: Final = re.compile(r"<([A-Za-z][\w-]*)>")
