"""Models of a Jupyter server: what a page, the server and the kernel say of them to one another.

A page has a comm of target `PAGE_TARGET`; the server has one of `MODELS_TARGET` for each cell.
"""

from __future__ import annotations

from typing import Final, Literal, NotRequired, TypedDict, get_args

from eager_kernel.protocol.from_kernel import Fields

PAGE_TARGET: Final = "eager.page"
"""The comm target of a page that shows notebooks."""

MODELS_TARGET: Final = "eager.models"
"""The comm target of a server that asks a model for one cell."""

TARGETS: Final = frozenset({PAGE_TARGET, MODELS_TARGET})

PageWord = Literal["offer", "heard", "refused", "text_cell", "stop"]
"""The types of what a page says after its ``comm_open``."""

AnswerWord = Literal["delta", "progress", "finish", "error"]
"""The types of a server's messages about one answer: see `eager_kernel.sources.wire`."""

ANSWER_WORDS: Final[tuple[AnswerWord, ...]] = get_args(AnswerWord)

MOST_REQUESTS: Final = 32
"""How often a cell may ask the server's model, with its repairs and its steps."""

ALIVE: Final = "alive"
"""The type of the message by which a server says only that it is there."""


class WantMessage(TypedDict):
    """kernel → page: a cell wants the server's model.

    Attributes
    ----------
    cell_id, request
        The cell, and the id of the page's request that runs it.
    model
        The model's id.
    requests
        How often it may be asked.
    """

    type: Literal["want"]
    cell_id: str
    request: str
    model: str
    requests: int


class ProgramMessage(TypedDict):
    """kernel → page: the program that a cell of a prompt of text has run."""

    type: Literal["program"]
    cell_id: str
    program: str


class RunningMessage(TypedDict):
    """kernel → page: which cell runs, for a page that comes meanwhile, and the id of its view."""

    type: Literal["running"]
    cell_id: str
    view: str


class ErrorMessage(TypedDict):
    """kernel → page or server: a message was wrong, and changed nothing."""

    type: Literal["error"]
    message: str


class GenerateMessage(TypedDict):
    """kernel → server: ask the model.

    Attributes
    ----------
    id
        Of the answer, in all that is said of it.
    request
        What is asked: `eager_kernel.sources.wire.request_to_dict`.
    """

    type: Literal["generate"]
    id: int
    request: Fields


class CancelAnswerMessage(TypedDict):
    """kernel → server: stop an answer."""

    type: Literal["cancel"]
    id: int


class ServesData(TypedDict):
    """server → kernel, in ``comm_open``: the server asks its model for this cell."""

    version: int
    cell_id: str


class AnswerDelta(TypedDict):
    """server → kernel: a piece of an answer.

    Attributes
    ----------
    offset
        Characters of the answer before it.
    """

    type: Literal["delta"]
    id: int
    text: str
    offset: NotRequired[int]
