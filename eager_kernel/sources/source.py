"""What a source of model text is: the protocol, and the values that it speaks in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, runtime_checkable

ENTRY_POINTS: Final = "eager_kernel.sources"
"""Group of the entry points that give sources: the name is a model id's provider, the value a
`Factory`."""

IMAGE_TYPES: Final = ("image/png", "image/jpeg")
"""The media types of pictures that models see."""

MOST_IMAGES: Final = 20
"""Pictures that a model is shown with one message."""


class Source(Protocol):
    """Gives a model's answers.

    A notebook's sources run in a process of their own, so one that blocks, crashes or needs
    the whole processor harms nobody; see `eager_kernel.sources.process`.
    """

    def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Answer a request.

        Yields the text as it comes, as plain strings cut anywhere; before the first of them
        perhaps `Progress`; at the end, if it is known, one `Finish`. Closing the generator
        stops the model at once. What goes wrong is a `eager_kernel.errors.SourceError` that
        says what to do.
        """
        ...

    async def aclose(self) -> None:
        """Free what the source holds: connections, a model's memory. May be called twice."""
        ...


@runtime_checkable
class Prepares(Protocol):
    """A source that can make itself ready before it is asked."""

    async def prepare(self) -> None:
        """Do what the first request would have to wait for, as importing a client.

        Nobody hears what goes wrong here; the first request is to say so.
        """
        ...


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a model that sees.

    Parameters
    ----------
    mime
        One of `IMAGE_TYPES`.
    data
        The picture, in base64 without line breaks.
    """

    mime: str
    data: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Parameters
    ----------
    role
        Who says it.
    text
        What is said.
    images
        What is shown with it; of the user's messages alone.
    """

    role: Literal["system", "user", "assistant"]
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked.

    Parameters
    ----------
    messages
        The conversation. The last one is the user's.
    max_tokens
        The longest answer wanted, in tokens; None: as the source has it.
    temperature
        None: as the source has it.
    attempt
        0 for the first answer to a prompt, ``k`` for the k-th one after it: a repair of its
        program, or a further step.
    step
        0-based number of the program that is asked for.
    may_answer
        Whether an answer without a program is as welcome: a model that answers by calls of a
        tool need not call it.
    """

    messages: tuple[Message, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    attempt: int = 0
    step: int = 0
    may_answer: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """How to reach a model. Every value is plain: options cross to another process.

    Parameters
    ----------
    api_base
        Address of a compatible server; None: the provider's own.
    credential
        Name of the key to use: an environment variable, or an entry of the system's keyring.
        None: the provider's usual environment variable. Never the key itself.
    first_timeout
        Seconds that the first text may take, loading included.
    stall_timeout
        Seconds that may pass between two pieces of text.
    extra
        What only one provider knows, for example ``dtype`` and ``device``.
    """

    api_base: str | None = None
    credential: str | None = None
    first_timeout: float = 300.0
    stall_timeout: float = 60.0
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a source does before its first text, for a person.

    Parameters
    ----------
    text
        For example ``loading weights``.
    fraction
        How much of it is done, 0 to 1; None: unknown.
    """

    text: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a request cost; None where the model does not say.

    Parameters
    ----------
    input_tokens
        Of the prompt, those included that were not computed anew.
    output_tokens
        Of the answer.
    cached_tokens
        Those of the prompt that were not computed anew.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer.

    Parameters
    ----------
    reason
        The model's ``finish_reason``: ``length``, ``max_tokens`` and ``content_filter`` say
        that the answer was cut off.
    usage
        What it cost.
    """

    reason: str = "stop"
    usage: Usage | None = None


Event = str | Progress | Finish
"""What a source yields."""

Factory = Callable[[str, Options], Source]
"""Makes the source for a model's name: what follows the first slash of its id. It is quick, and
imports nothing heavy; that is for `Source.generate`."""
