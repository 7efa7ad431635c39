"""Loading a model and its tokenizer, with progress, until told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eager_kernel.errors import SourceError
from eager_kernel.sources.credentials import find_key
from eager_kernel.sources.source import Options, Progress
from eager_kernel.sources.transformers.prefix import Prefix


class Stopped(BaseException):
    """Ends loading. Not an `Exception`, which the libraries that it has to pass would catch."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that can answer.

    Parameters
    ----------
    name
        As the user wrote it.
    model, tokenizer
        Of `transformers`.
    template_options
        What its chat template is given besides the messages.
    prefix
        What it has computed of the last conversation.
    """

    name: str
    model: Any
    tokenizer: Any
    template_options: Mapping[str, Any]
    prefix: Prefix = field(default_factory=Prefix)


def load(
    name: str, options: Options, tell: Callable[[Progress], None], stop: threading.Event
) -> Loaded:
    """Load a model, downloading it first where it is not in the cache.

    Parameters
    ----------
    name, options
        As for `eager_kernel.sources.transformers.make_source`.
    tell
        Hears how far it is, on any thread.
    stop
        When it is set, loading ends at the next file or tensor.

    Raises
    ------
    SourceError
        An option is wrong, or this is no model that can answer.
    Stopped
        `stop` was set.
    Exception
        Whatever `transformers` raises; `explain` knows what it means.
    """
    import transformers  # noqa: PLC0415 - takes seconds

    where = _where(name)
    extra = options.extra
    common = {
        "revision": extra.get("revision"),
        "trust_remote_code": extra.get("trust_remote_code") is True,
        "token": find_key(options.credential, "HF_TOKEN"),
    }
    dtype, device = _dtype(extra.get("dtype", "auto")), _device(extra.get("device", "auto"))
    tell(Progress(f"loading {name}"))
    config = transformers.AutoConfig.from_pretrained(where, **common)
    _check_kind(config, name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(where, **common)
    _prepare(tokenizer, name, extra.get("chat_template"))
    if stop.is_set():
        raise Stopped
    with _progress(name, tell, stop) as bar:
        model, found = transformers.AutoModelForCausalLM.from_pretrained(
            where,
            config=config,
            dtype=dtype,
            device_map=device,
            tqdm_class=bar,
            output_loading_info=True,
            **common,
        )
    if found["missing_keys"]:
        missing = sorted(found["missing_keys"])
        raise SourceError(
            f"{name} lacks weights of a model that writes text ({missing[0]} and "
            f"{len(missing) - 1} more): it is a part of one, or a model of another kind"
        )
    return Loaded(name, model, tokenizer, dict(extra.get("chat_template_kwargs", {})))


def _where(name: str) -> str:
    """What `transformers` takes for the name: a folder's path, or the name of a repository."""
    path = Path(name).expanduser()
    if not (path.is_absolute() or name.startswith(".")):
        return name
    if not path.is_dir():
        raise SourceError(f"there is no folder {path.resolve()}")
    if not (path / "config.json").is_file():
        raise SourceError(
            f"the folder {path.resolve()} holds no model: it has no config.json. Give the folder "
            "that save_pretrained or a download made"
        )
    return str(path)


def _dtype(name: object) -> object:
    import torch  # noqa: PLC0415

    if name == "auto":
        return name
    dtype = getattr(torch, name, None) if isinstance(name, str) else None
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise SourceError(
            f"dtype is auto, float32, bfloat16, float16 or another of PyTorch's, not {name!r}"
        )
    return dtype


def _device(name: object) -> object:
    import torch  # noqa: PLC0415

    if name == "auto":
        return name
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise SourceError(
            f"the device {name!r} can't be used: {reason}. Give auto, cpu, cuda, cuda:1 or mps"
        ) from error
    return device


def _prepare(tokenizer: Any, name: str, template: object) -> None:
    """See that the tokenizer can put a conversation as the model learnt it, and stream text."""
    if template is not None:
        try:
            tokenizer.chat_template = Path(str(template)).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(
                f"the chat template {template!r} can't be read: {error}. Give a Jinja file's path"
            ) from error
    if tokenizer.chat_template is None:
        raise SourceError(
            f"{name} has no chat template: it continues text and was not taught to answer. Take "
            "its instruction-tuned version, often called -Instruct or -it, or give the option "
            "chat_template, a Jinja file's path"
        )
    if not tokenizer.is_fast:
        raise SourceError(
            f"{name} has a tokenizer in Python, whose text can't be streamed exactly. Take a "
            "version of the model with a tokenizer.json"
        )


def _check_kind(config: Any, name: str) -> None:
    """Refuse models that `AutoModelForCausalLM` would load, and that speak noise."""
    from transformers.models.auto import modeling_auto  # noqa: PLC0415

    kinds = set(config.architectures or ())
    masked = kinds & set(modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES.values())
    if masked and not kinds & set(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()):
        raise SourceError(
            f"{name} is a {masked.pop()}, which fills gaps in a text and can't write one: take a "
            "causal language model"
        )


@contextmanager
def _progress(
    name: str, tell: Callable[[Progress], None], stop: threading.Event
) -> Iterator[type[Any]]:
    """Have the libraries' progress bars tell us, and end loading when it must."""
    from tqdm.auto import tqdm  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    told = dict.fromkeys(("downloading", "loading"), -1.0)

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._doing = "downloading" if options.get("unit") == "B" else "loading"
            super().__init__(*arguments, **{**options, "disable": True})

        def __iter__(self) -> Iterator[Any]:
            for item in self.iterable:
                yield item
                self.update()

        def update(self, n: float | None = 1) -> None:
            if stop.is_set():
                raise Stopped
            self.n += n or 0
            fraction = min(self.n / self.total, 1.0) if self.total else 0.0
            if fraction >= told[self._doing] + _STEP:
                told[self._doing] = fraction
                tell(Progress(f"{self._doing} {name}", fraction))

    me = threading.get_ident()

    def hook(factory: Callable[..., Any], arguments: Any, options: Any) -> Any:
        ours = threading.get_ident() == me
        return (Bar if ours else factory)(*arguments, **options)

    with _hooking:
        previous = logging.set_tqdm_hook(hook)
        try:
            yield Bar
        finally:
            logging.set_tqdm_hook(previous)


_STEP: Final = 0.01
_hooking = threading.Lock()  # the hook is one for the whole process
