"""The source ``transformers/NAME``: loads a model once, and has it answer on a thread."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from eager_kernel.errors import EagerError, MissingExtraError, SourceError, UnknownModelError
from eager_kernel.sources.needs import Needs, declares
from eager_kernel.sources.source import Event, Finish, Options, Progress, Request
from eager_kernel.sources.transformers.explain import explain
from eager_kernel.sources.transformers.generation import answer
from eager_kernel.sources.transformers.loading import Loaded, Stopped, load

Tell = Callable[[Event], None]
"""Takes an event, on any thread."""


@declares(
    Needs(
        ("HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN"),
        (
            *("HF_*", "HUGGINGFACE_*", "TRANSFORMERS_*", "TOKENIZERS_*", "SAFETENSORS_*"),
            *("ACCELERATE_*", "TORCH*", "PYTORCH_*", "TRITON_*", "BNB_*", "BITSANDBYTES_*"),
            *("CUDA*", "NVIDIA_*", "NCCL_*", "CUBLAS*", "CUDNN_*", "HIP_*", "ROCR_*", "HSA_*"),
            *("GPU_*", "MPS_*", "XLA_*", "ATEN_*", "USE_*", "MASTER_ADDR", "MASTER_PORT"),
        ),
    )
)
def make_source(name: str, options: Options) -> TransformersSource:
    """Make the source for a repository of the Hugging Face hub or a folder.

    Parameters
    ----------
    name
        ``ORG/REPO``, or a folder that begins with ``/``, ``./``, ``../`` or ``~``.
    options
        ``credential`` names a token of the hub, for gated and private repositories. ``extra``
        may have ``dtype``, ``device``, ``revision``, ``trust_remote_code``, ``chat_template``
        and ``chat_template_kwargs``; see `docs/models/transformers.md`.

    Raises
    ------
    UnknownModelError
        There is no name.
    SourceError
        ``extra`` has something else.
    """
    if not name.strip():
        raise UnknownModelError(
            "which model? Write transformers/ORG/REPO, or transformers/./FOLDER"
        )
    unknown = sorted(set(options.extra) - _EXTRA)
    if unknown:
        raise SourceError(
            f"transformers/{name} has no option {unknown[0]!r}; there are: "
            f"{', '.join(sorted(_EXTRA))}"
        )
    return TransformersSource(name, options)


class TransformersSource:
    """A model of `transformers`, kept in memory from its first request until `aclose`.

    PyTorch works on a thread, so that the event loop stays free to hear that an answer is not
    wanted any more. Requests are answered one after the other.

    Parameters
    ----------
    name, options
        As for `make_source`.
    """

    def __init__(self, name: str, options: Options) -> None:
        self._name = name
        self._options = options
        self._loaded: Loaded | None = None
        self._turn = threading.Lock()  # who has it uses the model
        self._stops: set[threading.Event] = set()

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Answer a request; loads the model for the first one.

        Closing the generator ends the answer after the token that is being computed, or the
        loading at the next file or tensor, and returns when that has come to its end.

        Raises
        ------
        SourceError
            The model can't be loaded, or can't answer this.
        MissingExtraError
            PyTorch or `transformers` is not installed.
        """
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event | EagerError | None] = asyncio.Queue()
        stop = threading.Event()
        ended = asyncio.Event()

        def tell(event: Event | EagerError) -> None:
            if not stop.is_set():
                _call(loop, events.put_nowait, event)

        def work() -> None:
            try:
                self._work(request, tell, stop)
            except EagerError as error:
                tell(error)
            finally:
                _call(loop, events.put_nowait, None)
                _call(loop, ended.set)

        self._stops.add(stop)
        # Not of a pool, whose threads keep an interpreter from ending.
        threading.Thread(target=work, name="eager-transformers", daemon=True).start()
        try:
            while True:
                event = await events.get()
                if event is None:
                    raise SourceError(f"{self._name} was closed while it answered: ask again")
                if isinstance(event, EagerError):
                    raise event
                yield event
                if isinstance(event, Finish):
                    return
        finally:
            stop.set()
            await ended.wait()
            self._stops.discard(stop)

    async def aclose(self) -> None:
        """End what runs, and free the model's memory. A later request loads it again."""
        for stop in list(self._stops):
            stop.set()
        await asyncio.to_thread(self._free)

    # The thread -----------------------------------------------------------------------------

    def _work(self, request: Request, tell: Tell, stop: threading.Event) -> None:
        doing = "can't be loaded"
        try:
            with self._turn:
                if self._loaded is None:
                    if stop.is_set():
                        return
                    _import(tell)
                    self._loaded = load(self._name, self._options, tell, stop)
                doing = "failed"
                answer(self._loaded, request, tell, stop)
        except Stopped:
            pass
        except EagerError:
            raise
        except Exception as error:  # whatever PyTorch, or a model's own code, raises
            raise explain(error, self._name, doing) from error

    def _free(self) -> None:
        with self._turn:
            if self._loaded is None:
                return
            self._loaded = None
            gc.collect()  # a model's modules refer to each other
            torch = sys.modules["torch"]
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()


def _import(tell: Tell) -> None:
    """Import what takes seconds to import, or say which extra brings it."""
    tell(Progress("importing PyTorch"))
    try:
        import accelerate  # noqa: F401, PLC0415
        import tokenizers  # noqa: F401, PLC0415
        import torch  # noqa: F401, PLC0415
        import transformers  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"a transformers model ({error.name})", "transformers") from error


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *arguments: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        # The loop is closed: nobody waits for this any more.
        if not loop.is_closed():
            raise


_EXTRA: Final = frozenset(
    {
        "chat_template",
        "chat_template_kwargs",
        "device",
        "dtype",
        "revision",
        "trust_remote_code",
    }
)
