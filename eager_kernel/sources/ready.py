"""What a model lacks, as far as it can be seen without asking it: packages, key, address."""

from __future__ import annotations

import os
import socket
import threading
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from eager_kernel.errors import MissingExtraError
from eager_kernel.sources.credentials import USUAL_VARIABLES, find_key, need_key
from eager_kernel.sources.explain import explain
from eager_kernel.sources.http import check_address, where
from eager_kernel.sources.recorded import find_recording
from eager_kernel.sources.registry import check_model_id, providers, split_model_id
from eager_kernel.sources.source import Options


def check_ready(model_id: str, options: Options) -> None:
    """See that a model can be asked, in a moment and without loading anything.

    What can't be seen from here, as whether a server takes the key, the first request tells.

    Parameters
    ----------
    model_id
        The model.
    options
        How to reach it.

    Raises
    ------
    UnknownModelError
        There is no such provider.
    MissingExtraError
        A package is missing; says the line for pip.
    SourceError
        The key, the recording or the server is; says what to do.
    """
    check_model_id(model_id)
    provider, name = split_model_id(model_id)
    if _missing(provider):
        raise MissingExtraError(f"the model {model_id}", provider)
    if provider == "recorded":
        find_recording(name)
    if options.api_base is not None:
        check_address(options.api_base)
        _knock(options.api_base, f"{model_id} at {where(options, '')}")
    _check_key(provider, options)


def installed_providers() -> tuple[list[str], dict[str, str]]:
    """Which providers can be asked now, and which after a package has been installed.

    Returns
    -------
    tuple
        The names of the first; of the others, the line for pip by name.
    """
    names = providers()
    lines = {name: f"pip install 'eager-kernel[{name}]'" for name in names if _missing(name)}
    return [name for name in names if name not in lines], lines


def _missing(provider: str) -> list[str]:
    return [module for module in _MODULES.get(provider, ()) if find_spec(module) is None]


def _check_key(provider: str, options: Options) -> None:
    usual = USUAL_VARIABLES.get(provider)
    if options.credential is None:
        if usual is not None and options.api_base is None:
            need_key(None, usual, _NAMES[provider])
    elif not os.environ.get(options.credential) and find_spec("keyring") is None:
        find_key(options.credential, usual or "")  # says what there is neither of


def _knock(address: str, who: str) -> None:
    """See that somebody listens there. What takes long is left to the first request."""
    parts = urlsplit(address)
    if parts.scheme in getproxies():
        return
    default = 443 if parts.scheme == "https" else 80
    problems: list[OSError] = []

    def connect() -> None:
        try:
            socket.create_connection((parts.hostname or "", parts.port or default), 2).close()
        except TimeoutError:
            pass
        except OSError as error:
            problems.append(error)

    knocking = threading.Thread(target=connect, name="eager-knock", daemon=True)
    knocking.start()
    knocking.join(_MOMENT)
    if problems:
        raise explain(problems[0], who)


_MODULES: Final = {
    "openai": ("openai",),
    "anthropic": ("anthropic",),
    "litellm": ("litellm",),
    "transformers": ("transformers", "torch"),
}
"""What the extra of the provider's name brings."""
_NAMES: Final = {"openai": "OpenAI", "anthropic": "Anthropic"}
_MOMENT: Final = 1.0
