"""One answer of a loaded model: from the conversation to its tokens, and from these to text."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable
from inspect import signature
from typing import Any, Final

from eager_kernel.core.extract.marks import reasoning_begun
from eager_kernel.errors import SourceError
from eager_kernel.sources.source import Event, Finish, Message, Request, Usage
from eager_kernel.sources.transformers.loading import Loaded
from eager_kernel.sources.transformers.text import TextStream


def answer(
    loaded: Loaded, request: Request, tell: Callable[[Event], None], stop: threading.Event
) -> None:
    """Answer a request on this thread.

    Parameters
    ----------
    loaded
        Who answers.
    request
        What is asked.
    tell
        Hears the text, and at the end the `Finish`.
    stop
        When it is set, generation ends with the token that is being computed.

    Raises
    ------
    SourceError
        The conversation is too long, or of a form that the model does not know.
    """
    from transformers import StoppingCriteriaList  # noqa: PLC0415 - takes seconds

    prompt = _prompt(loaded, request.messages)
    tokens = prompt["input_ids"][0].tolist()
    length = len(tokens)
    settings = _settings(loaded, request, length)
    writer = _Writer(loaded, settings.eos_token_id, tell)
    # A template may open the model's reasoning. Who reads the answer has to know, as its code is
    # no part of the program.
    end_of_prompt = loaded.tokenizer.decode(prompt["input_ids"][0, -_END_OF_PROMPT:])
    if mark := reasoning_begun(end_of_prompt):
        tell(f"{mark}\n")
    cache, cached = loaded.prefix.take(loaded.model, settings, tokens)
    loaded.model.generate(
        **prompt.to(loaded.model.device),
        generation_config=settings,
        streamer=writer,
        stopping_criteria=StoppingCriteriaList([_StopOn(stop)]),
        **({"tokenizer": loaded.tokenizer} if settings.stop_strings else {}),
        **({_cache_name(loaded.model): cache} if cache is not None else {}),
    )
    loaded.prefix.keep(cache, [*tokens, *writer.tokens])
    if stop.is_set():
        return
    if rest := writer.close():
        tell(rest)
    by_itself = writer.has_ended or (
        settings.stop_strings is not None and writer.count < settings.max_new_tokens
    )
    usage = Usage(input_tokens=length, output_tokens=writer.count, cached_tokens=cached)
    tell(Finish("stop" if by_itself else "length", usage))


def _cache_name(model: Any) -> str:
    """What the model calls its cache: `transformers` has given it a new name."""
    return "cache" if "cache" in signature(model.forward).parameters else "past_key_values"


class _StopOn:
    """Ends generation with the token after which the event is set.

    In the place of a `transformers.StoppingCriteria`, which can't be a base here: it is imported
    when it is needed.
    """

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(self, tokens: Any, scores: Any, **options: Any) -> Any:
        return tokens.new_full((tokens.shape[0],), self._event.is_set()).bool()


class _Writer:
    """Takes tokens from `generate`, as a `transformers` streamer, and tells their text."""

    def __init__(self, loaded: Loaded, ends: Iterable[int], tell: Callable[[Event], None]) -> None:
        self.tokens: list[int] = []
        """All tokens of the answer."""
        self.has_ended = False
        self._text = TextStream(loaded.tokenizer.backend_tokenizer)
        self._ends = frozenset(ends)
        self._tell = tell
        self._has_prompt = False

    @property
    def count(self) -> int:
        """How many tokens have come."""
        return len(self.tokens)

    def put(self, tokens: Any) -> None:
        """Take the prompt, which comes first, or tokens of the answer."""
        if not self._has_prompt:
            self._has_prompt = True
            return
        for token in tokens.flatten().tolist():
            self.tokens.append(token)
            # The end is not always marked as special, and would show.
            self.has_ended = token in self._ends
            if not self.has_ended and (text := self._text.step(token)):
                self._tell(text)

    def end(self) -> None:
        """Nothing: `generate` returns."""

    def close(self) -> str:
        """Return the text that was held back."""
        return self._text.close()


def _settings(loaded: Loaded, request: Request, length: int) -> Any:
    """The model's own generation settings, with what the request wants and streaming needs."""
    settings = copy.deepcopy(loaded.model.generation_config)
    settings.num_beams = 1
    settings.num_return_sequences = 1
    settings.return_dict_in_generate = False
    if request.temperature is not None:
        settings.do_sample = request.temperature > 0
        settings.temperature = request.temperature if settings.do_sample else None
        if not settings.do_sample:
            settings.top_k = settings.top_p = None  # without a meaning, and warned of
    ends = settings.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends]) | {loaded.tokenizer.eos_token_id}
    settings.eos_token_id = sorted(ends - {None})
    if settings.pad_token_id is None and settings.eos_token_id:
        settings.pad_token_id = settings.eos_token_id[0]
    settings.max_new_tokens = _limit(loaded, request, length, settings.max_new_tokens)
    settings.max_length = None
    return settings


def _limit(loaded: Loaded, request: Request, length: int, own: int | None) -> int:
    """How many tokens the answer may have."""
    if request.max_tokens is not None and request.max_tokens < 1:
        raise SourceError(f"max_tokens must be at least 1, not {request.max_tokens}")
    config = loaded.model.config.get_text_config()
    context = getattr(config, "max_position_embeddings", None)
    if context is None:
        return request.max_tokens or own or _WITHOUT_CONTEXT
    if length >= context:
        raise SourceError(
            f"the conversation has {length} tokens, and {loaded.name} takes {context} with its "
            "answer: ask for less, send fewer earlier cells, or take a model with a longer context"
        )
    room: int = context - length
    return min(request.max_tokens or own or room, room)


def _prompt(loaded: Loaded, messages: tuple[Message, ...]) -> Any:
    """The conversation's tokens, put as the model learnt them."""
    from jinja2 import TemplateError  # noqa: PLC0415 - comes with the extra

    plain = [{"role": message.role, "content": message.text} for message in messages]
    try:
        return _apply(loaded, plain)
    except TemplateError as error:
        # Some models know no system message, or want user and assistant to alternate.
        alternating = _alternate(plain)
        if alternating == plain:
            raise _no_form(loaded, error) from error
    try:
        return _apply(loaded, alternating)
    except TemplateError as error:
        raise _no_form(loaded, error) from error


def _apply(loaded: Loaded, messages: list[dict[str, str]]) -> Any:
    return loaded.tokenizer.apply_chat_template(
        messages,
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="pt",
        **loaded.template_options,
    )


def _alternate(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same with the system's words as the user's, and one message where one role has many."""
    joined: list[dict[str, str]] = []
    for message in messages:
        role = "assistant" if message["role"] == "assistant" else "user"
        if joined and joined[-1]["role"] == role:
            joined[-1]["content"] += "\n\n" + message["content"]
        else:
            joined.append({"role": role, "content": message["content"]})
    return joined


def _no_form(loaded: Loaded, error: Exception) -> SourceError:
    return SourceError(
        f"the chat template of {loaded.name} does not take this conversation: {error}. Give "
        "another with the option chat_template, a Jinja file's path"
    )


_END_OF_PROMPT: Final = 16
"""Tokens in which a mark that opens reasoning would be."""
_WITHOUT_CONTEXT: Final = 4096
"""Tokens of an answer of a model that does not say how many it can hold."""
