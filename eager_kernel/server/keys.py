"""The server's keys: out of its environment, which all that it starts would inherit.

A kernel, a terminal and whatever else the server starts gets the server's environment, by whatever
provisioner, and can read that of each of the others. So the keys leave it, and the extension alone
keeps them, for the processes that ask models.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, MutableMapping
from dataclasses import dataclass, field

from eager_kernel.sources.needs import is_key


@dataclass(frozen=True, slots=True)
class Keys:
    """Variables that were taken out of the environment.

    Parameters
    ----------
    values
        By name.
    """

    values: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """Their names, in order."""
        return sorted(self.values)

    def with_environment(self) -> dict[str, str]:
        """All variables that there were, and those that have changed since."""
        return {**self.values, **os.environ}


def take_keys(
    named: Collection[str],
    known: Iterable[str] | None,
    kept: Collection[str],
    environment: MutableMapping[str, str] = os.environ,
) -> Keys:
    """Take all that may be a key of a provider out of the environment.

    Parameters
    ----------
    named
        Variables to take, whatever they look like: those of the models that are asked.
    known
        Variables in which sources of installed packages look for keys; None: take no more than
        the `named` ones.
    kept
        Variables to leave where they are, unless they are `named`.
    environment
        From where.
    """
    names = [name for name in environment if name in named]
    if known is not None:
        known = frozenset(known)
        others = (name for name in environment if name not in named and name not in kept)
        names += [name for name in others if is_key(name, known)]
    return Keys({name: environment.pop(name) for name in names})
