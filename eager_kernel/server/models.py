"""The models that the server asks: what a deployer lists, and the processes that answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from eager_kernel.errors import SourceError, UnknownModelError
from eager_kernel.server.keys import Keys
from eager_kernel.sources import private
from eager_kernel.sources.needs import Needs
from eager_kernel.sources.process import ModelProcess
from eager_kernel.sources.registry import check_model_id, needs_of
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
    environment
        Variables that the configuration names for it; None: it names none.
    max_tokens
        The longest answer that anybody may ask for; None: as the model's server has it.
    temperature
        Where a request names none.
    """

    model_id: str
    options: Options
    key_file: Path | None = None
    environment: tuple[str, ...] | None = None
    max_tokens: int | None = None
    temperature: float | None = None

    def needs(self) -> Needs | None:
        """What its process needs of the environment; None: that is not known."""
        declared = needs_of(self.model_id, self.options)
        if self.environment is None:
            return declared
        declared = declared or Needs()
        own = () if self.options.credential is None else (self.options.credential,)
        return replace(declared, keys=(*declared.keys, *own, *self.environment))

    @property
    def keys(self) -> set[str]:
        """The variables that may hold its key."""
        needs = self.needs() or Needs()
        own = () if self.options.credential is None else (self.options.credential,)
        return {*needs.keys, *own}

    def key(self) -> str | None:
        """Read the file of its key; None: it has none.

        Raises
        ------
        SourceError
            It can't be read.
        """
        if self.key_file is None:
            return None
        try:
            return self.key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(
                f"the key_file of {self.model_id} can't be read: {type(error).__name__}"
            ) from error


def parse_models(configured: Mapping[str, Any]) -> dict[str, Model]:
    """Read the configuration of the models.

    Parameters
    ----------
    configured
        For each id its options: ``credential``, ``key_file``, ``environment``, ``api_base``,
        ``max_tokens``, ``temperature``, ``first_timeout``, ``stall_timeout``, ``extra``.

    Raises
    ------
    ValueError
        Names what is wrong.
    """
    return {model_id: _parse(model_id, fields) for model_id, fields in configured.items()}


def named_in(configured: object) -> set[str]:
    """Gather the variables that a configuration names, which may be wrong in any way."""
    names: set[str] = set()
    for fields in configured.values() if isinstance(configured, Mapping) else ():
        if isinstance(fields, Mapping):
            named = [fields.get("credential")]
            more = fields.get("environment")
            named += more if isinstance(more, list | tuple) else []
            names.update(name for name in named if isinstance(name, str))
    return names


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
    file, names = fields.get("key_file"), fields.get("environment")
    if names is not None and not all(isinstance(n, str) and _NAME.fullmatch(n) for n in names):
        raise ValueError(f"{where}['environment']: must be names of variables, never their values")
    if file is not None and "credential" not in fields:
        known["credential"] = _usual(model_id, where)
    return Model(
        model_id,
        Options(**known),
        key_file=None if file is None else Path(file).expanduser(),
        environment=None if names is None else tuple(names),
        max_tokens=fields.get("max_tokens"),
        temperature=fields.get("temperature"),
    )


def _usual(model_id: str, where: str) -> str:
    """Name the variable in which a provider's key is looked for."""
    needs = needs_of(model_id, Options()) or Needs()
    keys = [key for key in needs.keys if not key.endswith("_HEADERS")]
    if len(keys) != 1:
        raise ValueError(
            f"{where}['key_file']: name the variable in which the provider looks for its key, as "
            "its credential"
        )
    return keys[0]


class Models:
    """Keeps the models' processes.

    A model that blocks, crashes or floods does so in its own process, which alone has its key:
    the server's loop serves everybody.

    Parameters
    ----------
    models
        The models, by id.
    keys
        What there is besides the environment.

    Attributes
    ----------
    refused : dict
        Models of the configuration that are not asked, by id, and why.
    """

    def __init__(self, models: Mapping[str, Model], keys: Keys) -> None:
        self.models = dict(models)
        self.refused = {
            model.model_id: _UNKNOWN.format(model.model_id)
            for model in models.values()
            if model.needs() is None
        }
        self._keys = keys
        self._processes: dict[str, ModelProcess] = {}

    @property
    def asked(self) -> list[str]:
        """The ids of those that are asked, in the order of the configuration."""
        return [model_id for model_id in self.models if model_id not in self.refused]

    def find(self, model_id: str) -> Model:
        """A model of the configuration.

        Raises
        ------
        UnknownModelError
            There is none of this id.
        SourceError
            It is not asked, for what is missing in the configuration.
        """
        if model_id not in self.models:
            raise UnknownModelError(
                "this server does not ask that model; GET /eager/api/models lists those it asks"
            )
        if model_id in self.refused:
            raise SourceError(self.refused[model_id])
        return self.models[model_id]

    def process(self, model: Model) -> ModelProcess:
        """The process that asks a model.

        Raises
        ------
        SourceError
            It can't be made.
        """
        if model.model_id not in self._processes:
            variables = {**self._keys.with_environment(), private.VARIABLE: "1"}
            if (key := model.key()) is not None and model.options.credential is not None:
                variables[model.options.credential] = key
            self._processes[model.model_id] = ModelProcess(
                model.model_id, model.options, env=variables, needs=model.needs()
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
    "environment": (list, tuple),
    "api_base": (str,),
    "max_tokens": (int,),
    "temperature": (int, float),
    "first_timeout": (int, float),
    "stall_timeout": (int, float),
    "extra": (dict,),
}
_OF_OPTIONS: Final = ("credential", "api_base", "first_timeout", "stall_timeout", "extra")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_UNKNOWN: Final = (
    "nobody says which environment variables {0} needs, so it is not asked: the deployer must name "
    "them in EagerServer.models[{0!r}]['environment'], [] for none"
)
