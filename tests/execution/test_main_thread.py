"""What an interrupt does, by what the main thread does."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import pytest

from eager_kernel.execution.main_thread import Doing, MainThread
from eager_kernel.execution.notifier import Notifier


def sigint(main: MainThread) -> bool:
    return main.on_sigint(signal.SIGINT, None)


def test_before_the_run_it_is_remembered() -> None:
    main = MainThread()
    assert not sigint(main)
    with pytest.raises(KeyboardInterrupt):
        main.check()


def test_the_kernels_own_code_is_not_disturbed_but_a_wait_on_the_loop_ends() -> None:
    async def run() -> None:
        main = MainThread()
        main.begin()
        assert not sigint(main)
        await main.wait()
        assert main.interrupted

    asyncio.run(run())


def test_who_stands_still_until_text_comes_is_waked() -> None:
    async def run() -> None:
        main = MainThread()
        main.begin()
        with pytest.raises(KeyboardInterrupt), main.at(Doing.WAITING):
            sigint(main)
        assert main.doing is Doing.KERNEL
        assert (main.signalled, main.interrupted) == (True, False)

    asyncio.run(run())


def test_code_of_the_program_gets_it_without_a_frame_of_ours() -> None:
    async def run() -> None:
        main = MainThread()
        main.begin()
        with main.at(Doing.PROGRAM):
            assert sigint(main)
            main.doing = Doing.EFFECT
            with pytest.raises(KeyboardInterrupt):
                sigint(main)
            assert main.interrupted

    asyncio.run(run())


def test_a_program_that_awaits_is_cancelled() -> None:
    main = MainThread()

    async def program() -> None:
        main.begin()
        with main.at(Doing.PROGRAM):
            asyncio.get_running_loop().call_soon(lambda: raised.append(sigint(main)))
            with pytest.raises(asyncio.CancelledError):
                await asyncio.Event().wait()
        main.settle()
        await asyncio.sleep(0)  # the cancellation is over

    raised: list[bool] = []
    asyncio.run(program())
    assert raised == [False]


def test_the_reply_is_sent_whatever_the_program_did_to_the_loop_and_the_task() -> None:
    async def run() -> bool:
        main = MainThread()
        main.begin()
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        loop = asyncio.get_running_loop()
        loop.call_soon = None  # type: ignore[assignment, method-assign]
        stops = await main.outlive()
        assert not task.cancelling()
        await asyncio.sleep(0)
        return stops

    assert asyncio.run(run()) is False


# What comes just before a wait begins ends it no more than what another thread is sent.


def send_elsewhere(number: signal.Signals, waiting: threading.Event) -> None:
    """Send a signal to a thread of its own, once another one waits."""

    def send() -> None:
        waiting.wait()
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), number)

    threading.Thread(target=send).start()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
def test_a_signal_that_does_not_end_a_wait_for_text_is_seen_soon() -> None:
    waiting = threading.Event()
    notifier = Notifier(hurry=lambda: None)
    send_elsewhere(signal.SIGINT, waiting)

    def wanted() -> bool:
        waiting.set()
        return False

    with pytest.raises(KeyboardInterrupt):
        notifier.wait_for(wanted)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
def test_a_signal_that_does_not_end_a_wait_on_the_loop_is_seen_soon() -> None:
    async def run() -> None:
        main = MainThread()
        main.begin()
        waiting = threading.Event()
        before = signal.signal(signal.SIGUSR1, lambda number, frame: bool(sigint(main)))
        try:
            send_elsewhere(signal.SIGUSR1, waiting)
            waiting.set()
            while not main.interrupted:
                await main.wait()
        finally:
            signal.signal(signal.SIGUSR1, before)

    asyncio.run(run())
