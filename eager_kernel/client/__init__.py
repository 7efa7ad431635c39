"""Stream a program into a kernel from Python.

>>> with EagerClient.start() as client:          # doctest: +SKIP
...     result = client.run(deltas_of_my_model())
>>> result.status, result.outputs, result.error   # doctest: +SKIP
"""

from eager_kernel.client.aio import AsyncEagerClient
from eager_kernel.client.images import Image
from eager_kernel.client.result import RunError, RunResult
from eager_kernel.client.sync import EagerClient

__all__ = ["AsyncEagerClient", "EagerClient", "Image", "RunError", "RunResult"]
