"""The models that the server asks: what a deployer lists, and the processes that answer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eager_kernel.errors import SourceError, UnknownModelError
from eager_kernel.sources import private
from eager_kernel.sources.credentials import USUAL_VARIABLES
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.registry import check_model_id, split_model_id
from eager_kernel.sources.source import Options


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the configuration.

    Parameters
    ----------
    model_id
        ``provider/name``.
    options
        How to reach it.
    key_file
        A file that holds its key; None: the key is in the environment or in the keyring.
    max_tokens
        The longest answer that anybody may ask for; None: as the model's server has it.
    temperature
        Where a request names none.
    """

    model_id: str
    options: Options
    key_file: Path | None = None
    max_tokens: int | None = None
    temperature: float | None = None

    @property
    def key_variables(self) -> set[str]:
        """The environment variables that may hold its key."""
        if self.options.credential is not None:
            return {self.options.credential}
        usual = USUAL_VARIABLES.get(split_model_id(self.model_id)[0])
        return {usual} if usual is not None else set()

    def environment(self) -> dict[str, str]:
        """What the process that asks it gets.

        Raises
        ------
        SourceError
            The file of its key can't be read.
        """
        environment = {**os.environ, private.VARIABLE: "1"}
        if self.key_file is not None:
            try:
                key = self.key_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SourceError(
                    f"the key_file of {self.model_id} can't be read: {type(error).__name__}"
                ) from error
            for name in self.key_variables:
                environment[name] = key
        return environment


def parse_models(configured: Mapping[str, Any]) -> dict[str, Model]:
    """Read the configuration of the models.

    Parameters
    ----------
    configured
        For each id its options: ``credential``, ``key_file``, ``api_base``, ``max_tokens``,
        ``temperature``, ``first_timeout``, ``stall_timeout``, ``extra``.

    Raises
    ------
    ValueError
        Names what is wrong.
    """
    return {model_id: _parse(model_id, fields) for model_id, fields in configured.items()}


def _parse(model_id: str, fields: Any) -> Model:
    where = f"models[{model_id!r}]"
    try:
        check_model_id(model_id)
    except UnknownModelError as error:
        raise ValueError(f"{where}: {error}") from error
    if not isinstance(fields, Mapping):
        raise ValueError(f"{where}: must be a dict of options, {{}} for none")
    for name, value in fields.items():
        kinds = _FIELDS.get(name)
        if kinds is None:
            raise ValueError(f"{where}: no option {name!r}; there are: {', '.join(_FIELDS)}")
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ValueError(f"{where}[{name!r}]: a value of a wrong type")  # it may be a key
    known = {name: fields[name] for name in _OF_OPTIONS if name in fields}
    file = fields.get("key_file")
    model = Model(
        model_id,
        Options(**known),
        key_file=None if file is None else Path(file).expanduser(),
        max_tokens=fields.get("max_tokens"),
        temperature=fields.get("temperature"),
    )
    if model.key_file is not None and not model.key_variables:
        raise ValueError(
            f"{where}['key_file']: name the variable in which the provider looks for its key, as "
            "its credential"
        )
    return model


class Models:
    """Keeps the models' processes.

    A model that blocks, crashes or floods does so in its own process, which alone has its key:
    the server's loop serves everybody.

    Parameters
    ----------
    models
        The models, by id.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self.models = dict(models)
        self._processes: dict[str, ModelProcess] = {}

    def find(self, model_id: str) -> Model:
        """A model of the configuration.

        Raises
        ------
        UnknownModelError
            There is none of this id.
        """
        if model_id not in self.models:
            raise UnknownModelError(
                "this server does not ask that model; GET /eager/api/models lists those it asks"
            )
        return self.models[model_id]

    def process(self, model: Model) -> ModelProcess:
        """The process that asks a model.

        Raises
        ------
        SourceError
            It can't be made.
        """
        if model.model_id not in self._processes:
            self._processes[model.model_id] = ModelProcess(
                model.model_id, model.options, env=model.environment()
            )
        return self._processes[model.model_id]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            process.close()
        self._processes.clear()


_FIELDS: Final[dict[str, tuple[type, ...]]] = {
    "credential": (str,),
    "key_file": (str,),
    "api_base": (str,),
    "max_tokens": (int,),
    "temperature": (int, float),
    "first_timeout": (int, float),
    "stall_timeout": (int, float),
    "extra": (dict,),
}
_OF_OPTIONS: Final = ("credential", "api_base", "first_timeout", "stall_timeout", "extra")
