"""The extension, and what a deployer may configure of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Dict, Float, Integer, List, TraitError, Unicode, validate

from eager_kernel.core.conversation.prompts import SYSTEM_PROMPT
from eager_kernel.server.handlers import HANDLERS
from eager_kernel.server.keys import Keys, take_keys
from eager_kernel.server.models import Model, Models, named_in, parse_models
from eager_kernel.server.runs import Limits, Runs
from eager_kernel.sources.needs import is_common
from eager_kernel.sources.private import hide_memory
from eager_kernel.sources.registry import declared_keys


class EagerServer(ExtensionApp):
    """Asks models, and runs what they write in kernels of this server while they write it.

    Nothing is asked before a deployer lists `models`. Set all of this in
    ``jupyter_server_config.py``.
    """

    name = "eager_kernel"
    load_other_extensions = True

    models = Dict(
        help="""The models that may be asked: {"openai/gpt-5": {}, …}; the first is asked where a
        request names none. Options of each: "credential" (the name of its key: an environment
        variable of the server, or an entry of the system's keyring), "key_file" (a file that
        holds the key), "environment" (a list of the variables that it reads, where its source
        does not say so; its process gets these and no other secret), "api_base", "max_tokens"
        (the most that a request may ask for), "temperature", "first_timeout", "stall_timeout"
        (seconds), "extra" (what only the provider knows).""",
    ).tag(config=True)
    hide_keys = Bool(
        True,
        help="""Whether the server takes the keys of providers out of its environment, so that
        nothing that it starts, kernels and terminals among them, inherits them: those of `models`,
        those that any installed source or litellm knows, and all whose names end with _API_KEY.
        Done only where there are `models`.""",
    ).tag(config=True)
    hidden_variables = List(
        Unicode(),
        help="""More variables to take out of the environment, also where there are no models.""",
    ).tag(config=True)
    kept_variables = List(
        Unicode(),
        help="""Variables to leave in the environment although they may hold a provider's key, as
        AWS_ACCESS_KEY_ID for notebooks that read data there, or OPENAI_API_KEY for another
        extension that asks models: every kernel can read them then. Those of `models` are taken
        out all the same.""",
    ).tag(config=True)
    hide_memory = Bool(
        True,
        help="""Whether Linux is to keep other processes of the same user, kernels among them, from
        reading this server's memory and first environment, where its keys may be. No debugger can
        be attached to it then, and it leaves no core dump. Done only where there are `models`.""",
    ).tag(config=True)
    system_prompt = Unicode(
        SYSTEM_PROMPT,
        help="""What a model is told first, if the request brings no system message.""",
    ).tag(config=True)
    max_runs = Integer(256, help="""Runs at once, of everybody.""").tag(config=True)
    max_runs_per_user = Integer(
        32,
        help="""Runs at once of one user. All who come by the server's token are one.""",
    ).tag(config=True)
    max_prompt_chars = Integer(200_000, help="""Characters in the messages of a request.""").tag(
        config=True
    )
    max_answer_chars = Integer(
        1_000_000, help="""Characters in a model's answer; a longer one ends the run."""
    ).tag(config=True)
    max_event_chars = Integer(
        16_000_000,
        help="""Characters of outputs that a run's events may hold, written as JSON; further ones
        are dropped, and the events say so. Of states they may hold a quarter as many.""",
    ).tag(config=True)
    run_timeout = Float(
        3600.0,
        help="""Seconds that a run may take. Then its model is stopped, and nothing more of its
        program begins.""",
    ).tag(config=True)
    kernel_timeout = Float(20.0, help="""Seconds that a kernel may take to take a run.""").tag(
        config=True
    )
    keep_events = Float(600.0, help="""Seconds for which a run that has ended can be read.""").tag(
        config=True
    )

    @validate("models")
    def _check_models(self, proposal: Any) -> Any:
        try:
            parse_models(proposal["value"])
        except ValueError as error:
            raise TraitError(f"EagerServer.{error}") from error
        return proposal["value"]

    def initialize_settings(self) -> None:
        """Get ready to run."""
        models = parse_models(self.models)
        self.known = Models(models, self._take_keys(models.values()))
        for reason in self.known.refused.values():
            self.log.error("EagerServer: %s", reason)
        self.runs = Runs(self.make_limits(), self.known, self.system_prompt, self.log)
        if self._asks and self.hide_memory:
            hide_memory()

    def initialize_handlers(self) -> None:
        """Add the HTTP interface."""
        self.handlers.extend(HANDLERS)

    async def stop_extension(self) -> None:
        """End the runs, and the models' processes."""
        await self.runs.close()
        self.known.close()

    def make_limits(self) -> Limits:
        """The limits, as values."""
        return Limits(
            max_runs=self.max_runs,
            max_runs_per_user=self.max_runs_per_user,
            max_answer_chars=self.max_answer_chars,
            max_event_chars=self.max_event_chars,
            run_timeout=self.run_timeout,
            kernel_timeout=self.kernel_timeout,
            keep=self.keep_events,
            max_prompt_chars=self.max_prompt_chars,
        )

    @property
    def _asks(self) -> bool:
        """Whether models are configured, be it with a mistake: none of that has an effect then."""
        return bool(self.models) or self._has_mistake

    @property
    def _has_mistake(self) -> bool:
        # Jupyter Server logs it, and goes on.
        return not self._linked

    def _take_keys(self, models: Iterable[Model]) -> Keys:
        named = set(self.hidden_variables)
        known: frozenset[str] | None = None
        if self._has_mistake:
            self.log.error(
                "EagerServer: there is a mistake in the configuration, as is said above: no model "
                "is asked, and keys are kept from kernels all the same"
            )
            assert self.serverapp is not None
            named |= named_in(self.serverapp.config.EagerServer.get("models"))
        if self._asks and self.hide_keys:
            known = declared_keys()
            named |= {key for model in models for key in model.keys}
        named = {name for name in named if not is_common(name)}
        keys = take_keys(named, known, self.kept_variables)
        if keys.values:
            self.log.info(
                "EagerServer: kernels and terminals do not inherit %s; to change that, see "
                "EagerServer.kept_variables and hide_keys",
                ", ".join(keys.names),
            )
        return keys


main = EagerServer.launch_instance
