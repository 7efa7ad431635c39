"""The extension, and what a deployer may configure of it."""

from __future__ import annotations

from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Dict, Float, Integer, List, TraitError, Unicode, validate

from eager_kernel.kernel.model_config import SYSTEM_PROMPT
from eager_kernel.server.handlers import HANDLERS
from eager_kernel.server.models import Models, parse_models
from eager_kernel.server.provisioner import hide_from_kernels
from eager_kernel.server.runs import Limits, Runs
from eager_kernel.sources.private import hide_memory


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
        holds the key), "api_base", "max_tokens" (the most that a request may ask for),
        "temperature", "first_timeout", "stall_timeout" (seconds), "extra" (what only the provider
        knows).""",
    ).tag(config=True)
    hide_keys = Bool(
        True,
        help="""Whether kernels that this server starts do not inherit the environment variables
        that hold the keys of `models`.""",
    ).tag(config=True)
    hidden_variables = List(
        Unicode(),
        help="""More environment variables of the server that its kernels do not inherit.""",
    ).tag(config=True)
    hide_memory = Bool(
        True,
        help="""Whether Linux is to keep other processes of the same user, kernels among them, from
        reading this server's memory and environment, where its keys may be. No debugger can be
        attached to it then, and it leaves no core dump. Done only where there are `models`.""",
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
        help="""Characters of outputs that a run's events may hold; further outputs are told
        without what they show.""",
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
        self.known = Models(parse_models(self.models))
        self.runs = Runs(self.make_limits(), self.known, self.system_prompt)
        self._hide_keys()
        if self.models and self.hide_memory:
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

    def _hide_keys(self) -> None:
        names = set(self.hidden_variables)
        if self.hide_keys:
            for model in self.known.models.values():
                names |= model.key_variables
        if names and (problem := hide_from_kernels(names, self.serverapp)) is not None:
            self.log.warning("EagerServer.hide_keys: %s", problem)


main = EagerServer.launch_instance
