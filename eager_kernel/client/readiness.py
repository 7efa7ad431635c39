"""How a client knows that a kernel hears it, and that it hears the kernel: without polling."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from eager_kernel.client.transport import Transport


async def hear_kernel(
    transport: Transport, timeout: float, check: Callable[[], Awaitable[None]]
) -> None:
    """Wait until a kernel has answered on both channels, and forget what came before.

    `jupyter_client`'s own way waits until nothing has come for 0.2 s, so each start takes that
    long at least.

    Parameters
    ----------
    transport
        Open, over sockets.
    timeout
        Seconds.
    check
        Raises if the kernel is gone; called now and then.

    Raises
    ------
    TimeoutError
        It has not answered in time.
    """
    # A subscription takes its time, and what is published until then is lost. Kernels that say
    # when it has arrived (`iopub_welcome`) are asked at that moment, others again and again.
    asked: set[str] = set()

    def ask() -> None:
        message = transport.session.msg("kernel_info_request", {})
        asked.add(message["header"]["msg_id"])
        transport.send("shell", message)

    def is_ours(message: Any) -> bool:
        return isinstance(message, dict) and message["parent_header"].get("msg_id") in asked

    async def answered() -> None:
        while not is_ours(await transport.receive("shell")):
            pass

    async def heard() -> None:
        while True:
            message = await transport.receive("iopub")
            if not isinstance(message, dict):
                continue
            if message["header"]["msg_type"] == "iopub_welcome":
                ask()
            elif is_ours(message) and message["content"].get("execution_state") == "idle":
                return

    tasks = [asyncio.create_task(heard()), asyncio.create_task(answered())]
    ask()
    try:
        async with asyncio.timeout(timeout):
            while True:
                done, waiting = await asyncio.wait(tasks, timeout=_LOOK_UP)
                for task in done:
                    task.result()
                if not waiting:
                    return
                await check()
                ask()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_LOOK_UP: Final = 1.0
