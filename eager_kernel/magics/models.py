"""Which model a cell asks, and who asks it: a process of the kernel's, or the Jupyter server."""

from __future__ import annotations

from eager_kernel.errors import NoModelError, PromptError
from eager_kernel.kernel.model_config import EagerModel
from eager_kernel.kernel.pages import Offer, Pages
from eager_kernel.kernel.served import ServedModel
from eager_kernel.magics.advice import without_model
from eager_kernel.magics.options import PromptOptions
from eager_kernel.protocol.models import MOST_REQUESTS
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.ready import check_ready
from eager_kernel.sources.registry import check_model_id

AskedModel = ModelProcess | ServedModel
CellIds = tuple[str | None, str]
"""A cell's id, if the frontend has sent one, and that of the request that runs it."""


class Models:
    """The models of one session.

    Parameters
    ----------
    config
        What the user has configured.
    pages
        The pages that offer models of their server; None where there can be none.
    """

    def __init__(self, config: EagerModel, pages: Pages | None) -> None:
        self._config = config
        self._pages = pages
        self._chosen = ""
        self._processes: dict[tuple[str, str], ModelProcess] = {}

    @property
    def offer(self) -> Offer:
        """What the user's page offers; of nothing, where there is none."""
        offer = self._pages.offer if self._pages is not None else None
        return offer or Offer()

    @property
    def current(self) -> str:
        """The id of the model that cells ask if they name none; empty where there is none."""
        offer = self.offer
        return self._chosen or offer.model or self._config.model or next(iter(offer.models), "")

    def find(self, options: PromptOptions) -> str:
        """The id of the model that a cell asks.

        Raises
        ------
        NoModelError
            None is named anywhere; says what this user can do.
        """
        model = options.recording or options.model or self.current
        if not model:
            offer = self._pages.offer if self._pages is not None else None
            raise NoModelError(without_model(offer))
        return model

    def is_served(self, model: str, options: PromptOptions) -> bool:
        """Whether the Jupyter server asks a model: it lists it, and nobody has said otherwise."""
        own_way = options.api_base or options.credential or options.recording
        own_way = own_way or self._config.api_base or self._config.credential
        return model in self.offer.models and not own_way

    def ask(self, options: PromptOptions, cell: CellIds, requests: int) -> AskedModel:
        """The model that a cell asks; a process is kept for the next request.

        Parameters
        ----------
        options
            What the cell says.
        cell
            The cell.
        requests
            How often it may ask.

        Raises
        ------
        NoModelError
            No model is named.
        UnknownModelError
            There is no such model.
        PromptError
            It may ask more often than the server answers.
        """
        model = self.find(options)
        cell_id, request = cell
        if self._pages is not None and cell_id is not None and self.is_served(model, options):
            if requests > MOST_REQUESTS:
                raise PromptError(
                    f"the cell may ask its model {requests} times (steps and their repairs), "
                    f"and the Jupyter server answers one cell {MOST_REQUESTS} times at most: give "
                    "--steps or --repair a lower number, or have the kernel ask the model itself, "
                    "with --api-base or --credential"
                )
            return self._pages.serve(cell_id, request, model, requests)
        check_model_id(model)
        return self._process(model, options)

    def _process(self, model: str, options: PromptOptions) -> ModelProcess:
        how = self._config.make_options(options.api_base, options.credential)
        key = model, repr(how)
        if key not in self._processes:
            self._processes[key] = ModelProcess(
                model, how, cancel_timeout=self._config.cancel_timeout
            )
        process = self._processes[key]
        process.start()
        return process

    def use(self, model: str) -> None:
        """Ask a model from now on, and begin to load it.

        Raises
        ------
        UnknownModelError, MissingExtraError, SourceError
            There is no such model, or something is missing for it; says what to do. The model
            that was asked so far is asked on.
        """
        options = PromptOptions(model=model)
        if not self.is_served(model, options):
            check_ready(model, self._config.make_options(None, None))
            self._process(model, options)
        self._chosen = self._config.model = model

    def free(self) -> int:
        """End the models' processes, which frees their memory. Returns how many there were."""
        processes = [process for process in self._processes.values() if process.alive]
        for process in self._processes.values():
            process.close()
        self._processes.clear()
        return len(processes)

    @property
    def loaded(self) -> list[str]:
        """The models that have a process."""
        return sorted({p.model_id for p in self._processes.values() if p.alive})
