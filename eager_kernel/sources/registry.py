"""Which sources there are: from a model's id to its source."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from eager_kernel.errors import EagerError, UnknownModelError
from eager_kernel.sources.needs import Needs
from eager_kernel.sources.source import ENTRY_POINTS, Options, Source


def open_source(model_id: str, options: Options | None = None) -> Source:
    """Make the source that a model id names.

    Parameters
    ----------
    model_id
        ``provider/name``, split at the first slash.
    options
        How to reach it.

    Raises
    ------
    UnknownModelError
        The id has no slash, no installed package knows its provider, or the package that does
        is broken.
    """
    found, name = _find(model_id)
    source: Source = _load(found)(name, options or Options())
    return source


def needs_of(model_id: str, options: Options) -> Needs | None:
    """Find out what a model's source needs of the environment; its module is loaded for that.

    Parameters
    ----------
    model_id, options
        As for `open_source`.

    Returns
    -------
    Needs or None
        None where the source does not say so, or there is no such source.
    """
    try:
        found, name = _find(model_id)
        needs = getattr(_load(found), "needs", None)
        if isinstance(needs, Needs):
            credential = options.credential
            return needs if credential is None else needs.with_credential(credential)
        said = needs(name, options) if callable(needs) else None
    except Exception:  # noqa: BLE001 - as of `open_source`, which the source's process tells
        return None
    return said if isinstance(said, Needs) else None


def declared_keys() -> frozenset[str]:
    """Gather the variables that the sources of all installed packages name as holding keys."""
    keys: set[str] = set()
    for found in _entry_points().values():
        try:
            factory = _load(found)
        except EagerError:
            continue  # a broken package, as whoever asks its models is told
        needs, more = getattr(factory, "needs", None), getattr(factory, "every_key", None)
        keys.update(needs.keys if isinstance(needs, Needs) else ())
        keys.update(more if isinstance(more, tuple) else ())
    return frozenset(keys)


def check_model_id(model_id: str) -> None:
    """See that a model id names a provider; nothing is loaded.

    Raises
    ------
    UnknownModelError
        It does not.
    """
    _find(model_id)


def providers() -> list[str]:
    """List the providers that installed packages give, in alphabetical order."""
    return sorted(_entry_points())


def split_model_id(model_id: str) -> tuple[str, str]:
    """Split a model id into its provider and the model's name there.

    Raises
    ------
    UnknownModelError
        One of the two is missing.
    """
    provider, _, name = model_id.partition("/")
    if not provider or not name:
        raise UnknownModelError(
            f"{model_id!r} is no model id: write PROVIDER/NAME, for example openai/gpt-5; "
            f"providers: {', '.join(providers())}"
        )
    return provider, name


def _find(model_id: str) -> tuple[EntryPoint, str]:
    provider, name = split_model_id(model_id)
    found = _entry_points().get(provider)
    if found is None:
        raise UnknownModelError(
            f"no provider {provider!r} for the model {model_id!r}; there are: "
            f"{', '.join(providers())}"
        )
    return found, name


def _load(found: EntryPoint) -> Any:
    provider = found.name
    try:
        factory = found.load()
    except EagerError:
        raise
    except Exception as error:  # a module of others may raise anything
        raise UnknownModelError(
            f"the provider {provider!r} can't be loaded from {found.value!r}: "
            f"{type(error).__name__}: {error}. Install or repair {_package(found)}"
        ) from error
    if not callable(factory):
        raise UnknownModelError(
            f"the provider {provider!r} is broken: {found.value!r} of {_package(found)} can't be "
            "called; it must be a function of a name and options that returns a source"
        )
    return factory


def _entry_points() -> dict[str, EntryPoint]:
    # The first of a name, as the first module of a name on the path is imported.
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, point)
    return found


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "its package"
