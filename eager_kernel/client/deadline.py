"""One time for all that a start takes, however many steps it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from eager_kernel.errors import KernelConnectionError


@dataclass(frozen=True, slots=True)
class Deadline:
    """When something must be done.

    Parameters
    ----------
    seconds
        How long all of it may take.
    at
        Until when, by the clock of the event loop.
    """

    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """So many seconds from now."""
        return cls(seconds, asyncio.get_running_loop().time() + seconds)

    @property
    def left(self) -> float:
        """Seconds that remain; never 0, which some take for no limit."""
        return max(_LEAST, self.at - asyncio.get_running_loop().time())

    @asynccontextmanager
    async def holds(self, failure: str) -> AsyncIterator[None]:
        """Cancel what is not done by then.

        Parameters
        ----------
        failure
            What has failed then, in words; how long it was waited for is added.

        Raises
        ------
        KernelConnectionError
            It was not done in time.
        """
        try:
            async with asyncio.timeout_at(self.at) as timer:
                yield
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise KernelConnectionError(f"{failure} within {self.seconds:g} s") from error


_LEAST = 0.001
