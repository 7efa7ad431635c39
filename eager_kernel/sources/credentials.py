"""Keys by name: where they are looked up, and which have been handed out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final

from eager_kernel.errors import MissingExtraError, SourceError
from eager_kernel.sources.redact import redact

SERVICE: Final = "eager-kernel"
"""What our entries are filed under in the system's keyring."""
USUAL_VARIABLES: Final = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
"""Where the providers that need a key look for it, if no other credential is named."""


def find_key(credential: str | None, usual: str) -> str | None:
    """Look a key up.

    Parameters
    ----------
    credential
        Name of an environment variable, or else of an entry of the system's keyring under
        the service ``eager-kernel``; None: the `usual` variable.
    usual
        The environment variable that the provider's own tools read.

    Returns
    -------
    str or None
        The key; None if the variable is empty, or the usual one not set.

    Raises
    ------
    SourceError
        There is no credential of this name.
    """
    if credential is None:
        key = os.environ.get(usual, "")
    else:
        key = os.environ.get(credential) or _from_keyring(credential)
    key = key.strip()  # a file's last newline is no part of it
    if not key:
        return None
    _remember(key)
    if not key.isascii() or not key.isprintable():
        raise SourceError(
            f"the key in {_called(credential or usual)} holds characters that no key has: copy "
            "it again"
        )
    return key


def need_key(credential: str | None, usual: str, provider: str) -> str:
    """Look a key up that there must be; parameters as in `find_key`.

    Raises
    ------
    SourceError
        There is none; the message says how to give one.
    """
    key = find_key(credential, usual)
    if key is None:
        raise SourceError(
            f"no key for {provider}: set the environment variable {usual} before Jupyter starts, "
            "or name another variable, or an entry of the system's keyring, as the credential"
        )
    return key


def known_keys() -> frozenset[str]:
    """Return the keys that this process has handed out."""
    return frozenset(_known)


def on_key(listener: Callable[[str], None]) -> None:
    """Have a function called with each key before it is handed out."""
    _listeners.append(listener)


def _remember(key: str) -> None:
    if key not in _known:
        _known.add(key)
        for listener in _listeners:
            listener(key)


def _from_keyring(name: str) -> str:
    if redact(name) != name:
        raise SourceError(
            "the credential is the name of a key, never the key itself: put the key into an "
            "environment variable and give that variable's name. Take the key for known, and "
            "replace it, if the notebook was saved or shared"
        )
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow to import
        import keyring.errors  # noqa: PLC0415
    except ImportError:
        raise SourceError(
            f"{_called(name)} is no environment variable, and the system's keyring can't be asked: "
            f"{MissingExtraError('the keyring', 'keyring')}"
        ) from None
    try:
        key: str | None = keyring.get_password(SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise SourceError(
            f"{_called(name)} is no environment variable, and the system's keyring does not "
            f"answer: {error}"
        ) from None
    if not key:
        raise SourceError(
            f"{_called(name)} is neither an environment variable nor in the keyring: set the "
            f"variable before Jupyter starts, or run: keyring set {SERVICE} NAME"
        )
    return key


def _called(name: str) -> str:
    # What does not look like a name may be a key, put there by mistake.
    return f"the credential {name!r}" if _NAME.fullmatch(name) else "the credential"


_known: set[str] = set()
_listeners: list[Callable[[str], None]] = []
_NAME: Final = re.compile(r"[A-Z][A-Z_]{0,60}[A-Z0-9]{0,4}|[a-z][a-z_.-]{0,20}")
