"""Keys never leave: what takes them out of texts that a person, a log or a notebook may see."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

REDACTED: Final = "[key]"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace keys in a text.

    Parameters
    ----------
    text
        Any text: an error's message, what a process wrote to stderr.
    secrets
        Keys that are known, of 8 characters or more. What looks like a key is replaced also
        where it is not known.
    """
    # The longest first: a key may be the beginning of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:  # what is shorter is no key, but may be a word
            text = text.replace(secret, REDACTED)
    text = _BEARER.sub(rf"\1{REDACTED}", text)
    return _LOOKS_LIKE_A_KEY.sub(REDACTED, text)


def secrets_in(environment: Mapping[str, str] | None = None) -> set[str]:
    """Collect the values of environment variables whose names say that they are secret."""
    variables = os.environ if environment is None else environment
    return {
        value
        for name, value in variables.items()
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST
    }


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Recognises a key in a text without holding it.

    A model's process may take a key from a keyring. The kernel, which shows what that process
    wrote last when it crashed, is told the key's fingerprint instead of the key.

    Parameters
    ----------
    length
        Characters in the key.
    salt, digest
        Hexadecimal; the digest is the salted SHA-256 of the key.
    """

    length: int
    salt: str
    digest: str

    @classmethod
    def of(cls, secret: str) -> Fingerprint:
        """Take the fingerprint of a key."""
        salt = os.urandom(16).hex()
        return cls(len(secret), salt, _digest(salt, secret))

    def redact(self, text: str) -> str:
        """Replace the key in a short text."""
        at = 0
        while at + self.length <= len(text):
            if _digest(self.salt, text[at : at + self.length]) == self.digest:
                text = text[:at] + REDACTED + text[at + self.length :]
                at += len(REDACTED)
            else:
                at += 1
        return text


def _digest(salt: str, text: str) -> str:
    return hashlib.sha256(salt.encode() + text.encode("utf-8", "surrogatepass")).hexdigest()


_SHORTEST: Final = 8
_SECRET_NAME: Final = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
_BEARER: Final = re.compile(
    r"\b((?:bearer|x-api-key|api[-_]key)[\"']?[:= ]+[\"']?)[^\s\"',]{8,}", re.I
)
# The forms of OpenAI, Anthropic and many others; of Google; of Hugging Face; of Groq and xAI.
_LOOKS_LIKE_A_KEY: Final = re.compile(
    r"\b(?:sk-[\w*-]{6,}|AIza[\w-]{20,}|hf_\w{16,}|gsk_\w{16,}|xai-\w{16,})"
)
