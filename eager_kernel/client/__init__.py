"""Stream a program into a kernel from Python.

>>> with EagerClient.start() as client:          # doctest: +SKIP
...     result = client.run(deltas_of_my_model())
>>> result.status, result.outputs, result.error   # doctest: +SKIP
"""

from eager_kernel.client.aio import AsyncEagerClient
from eager_kernel.client.eager_run import AsyncEagerRun, EagerRun
from eager_kernel.client.images import Image
from eager_kernel.client.options import CellOptions, Mode, OnError, RunOptions
from eager_kernel.client.pool import AsyncEagerPool, EagerPool
from eager_kernel.client.result import RunError, RunResult
from eager_kernel.client.session import AsyncEagerSession
from eager_kernel.client.session_options import SessionOptions
from eager_kernel.client.session_result import SessionResult, SessionStep
from eager_kernel.client.session_sync import EagerSession
from eager_kernel.client.sync import EagerClient

__all__ = [
    "AsyncEagerClient",
    "AsyncEagerPool",
    "AsyncEagerRun",
    "AsyncEagerSession",
    "CellOptions",
    "EagerClient",
    "EagerPool",
    "EagerRun",
    "EagerSession",
    "Image",
    "Mode",
    "OnError",
    "RunError",
    "RunOptions",
    "RunResult",
    "SessionOptions",
    "SessionResult",
    "SessionStep",
]
