"""What a user may configure of ``%%eager``."""

from __future__ import annotations

from typing import Any, Final

from traitlets import Bool, Dict, Enum, Float, Integer, TraitError, Unicode, validate
from traitlets.config import Configurable

from eager_kernel.core.conversation.context import CONTEXT_CHARS
from eager_kernel.core.conversation.prompts import STEPS_PROMPT, SYSTEM_PROMPT
from eager_kernel.sources.source import Options

MOST_STEPS: Final = 100


class EagerModel(Configurable):
    """Which model ``%%eager`` asks, and how."""

    model = Unicode(
        "",
        help="""Id of the model that cells ask if they name none: "provider/name", for example
        "openai/gpt-5", "transformers/ORG/REPO" or "recorded/demo". Empty: a cell must name one,
        or `%eager model ID` must have.""",
    ).tag(config=True)
    system_prompt = Unicode(
        SYSTEM_PROMPT,
        help="""What the model is told before everything else. The default asks for programs
        that overlap well; empty: nothing.""",
    ).tag(config=True)
    context_chars = Integer(
        CONTEXT_CHARS,
        help="""Characters of earlier prompts, programs and outputs that the model is told of,
        in all; about four make a token. The latest are kept. `%eager context` shows them. 0: each
        prompt stands alone.""",
    ).tag(config=True)
    notebook_context = Enum(
        ("off", "names", "schema", "values"),
        default_value="schema",
        help="""What the model is told of the notebook beside earlier prompts. "names": how its
        variables are called. "schema": of which types and shapes they are, too, and the cells that
        were run since the last prompt, with their errors. "values": what the variables are, too.
        "off": nothing. Names that begin with _ are never told. It takes at most a quarter of
        context_chars.""",
    ).tag(config=True)
    repair = Integer(
        0,
        help="""How often a program that fails is written on by the model, from where it failed,
        if a cell does not say.""",
    ).tag(config=True)
    ask = Bool(
        False,
        help="""Whether a cell's program is written first, and runs when its user says so: with what
        it will touch listed, as `%%eager --ask` does. Programs are not repaired then, and
        replays are not asked about.""",
    ).tag(config=True)
    steps = Integer(
        1,
        help="""How many programs the model may write for one prompt, each after it has seen what
        came of the one before it, if a cell does not say.""",
    ).tag(config=True)
    steps_prompt = Unicode(
        STEPS_PROMPT,
        help="""What the model is told after the system prompt where it may write more than one
        program; empty: nothing.""",
    ).tag(config=True)
    budget_tokens = Integer(
        None,
        allow_none=True,
        help="""Tokens that all steps of a prompt may cost together, in and out, if a cell does not
        say. Default: as many as they take.""",
    ).tag(config=True)
    budget_seconds = Float(
        None,
        allow_none=True,
        help="""Seconds that all steps of a prompt may take together, if a cell does not say. Then
        the model is stopped; a statement that runs is not. Default: as long as they take.""",
    ).tag(config=True)
    figures = Enum(
        ("auto", "send", "omit"),
        default_value="auto",
        help="""Whether the figures that a step has shown are sent to the model with its outputs.
        "auto": to models that are known to see: those of Anthropic, and OpenAI's own from GPT-4o
        on.""",
    ).tag(config=True)
    api_base = Unicode(
        "",
        help="""Address of a compatible server, for example "http://localhost:8000/v1". Empty:
        the provider's own.""",
    ).tag(config=True)
    credential = Unicode(
        "",
        help="""Name of the key: an environment variable, or an entry of the system's keyring.
        Never the key itself. Empty: the provider's usual environment variable.""",
    ).tag(config=True)
    max_tokens = Integer(
        None,
        allow_none=True,
        help="""The longest answer wanted, in tokens. Default: as the model's server has it.""",
    ).tag(config=True)
    temperature = Float(
        None,
        allow_none=True,
        help="""The temperature at which the model writes. Default: as its server has it.""",
    ).tag(config=True)
    first_timeout = Float(
        300.0,
        help="""Seconds that a model may take to its first text, loading included, before the
        run ends with an error.""",
    ).tag(config=True)
    stall_timeout = Float(
        60.0,
        help="""Seconds that may pass between two pieces of a model's text before the run ends
        with an error.""",
    ).tag(config=True)
    cancel_timeout = Float(
        5.0,
        help="""Seconds that a stopped model may take to stop writing before its process is
        ended.""",
    ).tag(config=True)
    view = Bool(
        True,
        help="""Whether a cell shows its program as it is written and run.""",
    ).tag(config=True)
    unfold = Bool(
        False,
        help="""Whether a program stays open to be read when it has run; else it folds to its
        heading, above what it has shown.""",
    ).tag(config=True)
    options = Dict(
        help="""What only some providers know, for example {"dtype": "bfloat16", "device":
        "cuda"} for transformers.""",
    ).tag(config=True)

    @validate("model")
    def _check_model(self, proposal: Any) -> str:
        model: str = proposal["value"]
        if model and "/" not in model:
            raise TraitError(
                f"EagerModel.model: {model!r} is no model id; write provider/name, for example "
                "openai/gpt-5"
            )
        return model

    @validate("steps", "budget_tokens")
    def _check_at_least_one(self, proposal: Any) -> int | None:
        name, value = proposal["trait"].name, proposal["value"]
        if value is not None and value < 1:
            raise TraitError(f"EagerModel.{name}: {value} is below 1")
        if name == "steps" and value > MOST_STEPS:
            raise TraitError(f"EagerModel.steps: {value} is more than {MOST_STEPS}")
        return value  # type: ignore[no-any-return]

    @validate("budget_seconds")
    def _check_seconds(self, proposal: Any) -> float | None:
        value: float | None = proposal["value"]
        if value is not None and not value > 0:
            raise TraitError(f"EagerModel.budget_seconds: {value} is not above 0")
        return value

    @validate("context_chars", "repair")
    def _check_count(self, proposal: Any) -> int:
        value: int = proposal["value"]
        if value < 0:
            raise TraitError(f"EagerModel.{proposal['trait'].name}: {value} is below 0")
        return value

    def make_options(self, api_base: str | None, credential: str | None) -> Options:
        """How to reach a model.

        Parameters
        ----------
        api_base, credential
            What a cell says; None: as configured.
        """
        return Options(
            api_base=api_base or self.api_base or None,
            credential=credential or self.credential or None,
            first_timeout=self.first_timeout,
            stall_timeout=self.stall_timeout,
            extra=dict(self.options),
        )
