"""What a source needs of the environment, and what its process gets of it: that, and no more.

A key that lies in the environment is inherited by every process that is started there. So each
source declares the variables that it reads, and its process begins with what any program needs
(paths, locale, proxies, certificates) and with the source's settings. The keys come later, over
the pipe by which the process is told what to do (`eager_kernel.sources.private`): what a process
began with, others can read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final, Protocol, TypeVar

from eager_kernel.sources.source import Options


@dataclass(frozen=True, slots=True)
class Needs:
    """The environment variables that a source reads.

    Parameters
    ----------
    keys
        Those that hold a key, or lead to one as the path of a file does. The source's process
        has them in ``os.environ``; the processes that it starts do not inherit them.
    settings
        Others, as an address. A name may end with ``*``, for all that begin so, but for those
        that sound like a secret: each of these has to be named among `keys`.
    withheld
        Variables that hold other keys of the source, and are no settings either.
    """

    keys: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()

    def with_credential(self, name: str) -> Needs:
        """The same, with the key of this name in the place of the others."""
        return replace(self, keys=(name,), withheld=(*self.withheld, *self.keys))


NeedsOf = Callable[[str, Options], Needs | None]
"""Says what a model needs, of its name and options; None: that is not known."""

Declared = Needs | NeedsOf

T = TypeVar("T")


class Declares(Protocol):
    """A `eager_kernel.sources.source.Factory` that declares what its sources need.

    Attributes
    ----------
    needs : Needs or callable
        What they need. Of a plain `Needs`, a credential that is named takes the place of the
        keys. A function is told the model's name and options, and says all.
    every_key : tuple of str
        Where `needs` is a function: every variable that may hold a key of one of its models.
    """

    needs: Declared
    every_key: tuple[str, ...]


def declares(needs: Declared, every_key: Iterable[str] = ()) -> Callable[[T], T]:
    """Declare, above a factory's definition, what its sources need; see `Declares`."""

    def declare(factory: T) -> T:
        factory.needs = needs  # type: ignore[attr-defined]
        factory.every_key = tuple(every_key)  # type: ignore[attr-defined]
        return factory

    return declare


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The environment of a source's process.

    Parameters
    ----------
    environment
        What it begins with, which others may read.
    keys
        What it is told when it has begun.
    """

    environment: dict[str, str]
    keys: dict[str, str] = field(default_factory=dict, repr=False)


def surroundings(needs: Needs | None, variables: Mapping[str, str]) -> Surroundings:
    """Choose what a source's process gets.

    Parameters
    ----------
    needs
        What the source needs; None, where that is not known: it gets everything.
    variables
        All variables that there are.
    """
    if needs is None:
        return Surroundings(dict(variables))
    wanted = [name for name in needs.keys if not is_common(name)]
    keys = {name: variables[name] for name in wanted if name in variables}
    environment = {
        name: value
        for name, value in variables.items()
        if is_common(name)
        or (name not in keys and name not in needs.withheld and _is_setting(name, needs.settings))
    }
    return Surroundings(environment, keys)


def is_common(name: str) -> bool:
    """Whether any program may need this variable, and none of it is a key to anything."""
    name = name.upper()
    if name in _COMMON:
        return True
    return any(fnmatchcase(name, pattern) for pattern in _FAMILIES) and not sounds_secret(name)


def sounds_secret(name: str) -> bool:
    """Whether a variable's name says that it holds a secret, or where one is."""
    return _SECRET.search(name.upper()) is not None


def is_key(name: str, known: Iterable[str]) -> bool:
    """Whether a variable holds, or may hold, a key of a provider.

    Parameters
    ----------
    name
        The variable's.
    known
        Variables that hold keys. Others of the same family, as ``AWS_SESSION_TOKEN`` beside
        ``AWS_ACCESS_KEY_ID``, count too if they sound secret.
    """
    if name in known or name.upper().endswith(("_API_KEY", "_API_KEYS", "_APIKEY")):
        return True
    families = {key.partition("_")[0] for key in known if "_" in key}
    return "_" in name and name.partition("_")[0] in families and sounds_secret(name)


def _is_setting(name: str, settings: Iterable[str]) -> bool:
    return any(
        name == setting
        or (setting.endswith("*") and fnmatchcase(name, setting) and not sounds_secret(name))
        for setting in settings
    )


_SECRET: Final = re.compile(
    r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|CRED)S?(?:_|$)"
    r"|(?:^|_)(?:AUTH|AUTHORIZATION|COOKIE|DSN|HEADERS|JWT|PASS|PAT|PW|SAS)(?:_|$)"
)
_COMMON_NAMES: Final = """
    PATH HOME USER LOGNAME SHELL PWD LANG LANGUAGE TZ TERM HOSTNAME TMPDIR TEMP TMP
    DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS
    HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT OS APPDATA LOCALAPPDATA PROGRAMDATA PUBLIC
    USERPROFILE USERNAME USERDOMAIN COMPUTERNAME HOMEDRIVE HOMEPATH ALLUSERSPROFILE
"""
_COMMON: Final = frozenset(_COMMON_NAMES.split())
"""In capitals, though the names of proxies are often not."""
_FAMILIES: Final = (
    *("LC_*", "XDG_*", "KDE_*", "GNOME_KEYRING_*"),
    # How the interpreter, its environment and the libraries of numbers are set up.
    *("PYTHON*", "VIRTUAL_ENV*", "CONDA_*", "COV_*", "COVERAGE_*", "LD_*", "DYLD_*"),
    *("OMP_*", "KMP_*", "MKL_*", "OPENBLAS_*", "BLIS_*", "NUMEXPR_*", "MALLOC_*", "GLIBC_*"),
    *("PROGRAMFILES*", "COMMONPROGRAM*", "PROCESSOR_*", "NUMBER_OF_PROCESSORS"),
    *("JUPYTER_*_DIR", "JUPYTER_PATH", "JUPYTER_PREFER_ENV_PATH", "IPYTHONDIR", "KEYRING_*"),
    "EAGER_*",
)
