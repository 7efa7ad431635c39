"""One cell on its way: what is sent for it, and all that comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import replace
from typing import Any, Final, TypeGuard
from uuid import uuid4

from eager_kernel.client.batching import Batcher
from eager_kernel.client.checks import (
    check_event,
    check_output,
    check_reply,
    check_report,
    check_status,
    check_update,
)
from eager_kernel.client.heard import UnfitError
from eager_kernel.client.hosting import Hosting
from eager_kernel.client.iterating import close, end, iterate
from eager_kernel.client.ordinary import with_program
from eager_kernel.client.outputs import FULL, OUTPUTS, OutputCollector, may_be_of_widget
from eager_kernel.client.questions import OnInput, Questions
from eager_kernel.client.result import RunError, RunResult
from eager_kernel.client.resuming import Resuming
from eager_kernel.client.transport import Broken, Channel, Transport
from eager_kernel.client.usage import usage_of
from eager_kernel.core.extract import LeftOut
from eager_kernel.core.report import Report
from eager_kernel.errors import EagerError, KernelConnectionError, LimitError
from eager_kernel.protocol import (
    TARGET,
    Cancel,
    Delta,
    End,
    Mode,
    OnError,
    ResultMessage,
    ResumedMessage,
    open_data,
    runs_after,
)

OnEvent = Callable[[dict[str, Any]], None]
"""Called with each message of the kernel on the stream's comm (`docs/protocol.md`), with
``{"type": "output", "output": ...}`` for each output, and with ``{"type": "dropped", "reason": ...,
"count": ...}`` for what was not taken."""

_LOG: Final = logging.getLogger(__name__)
Log = Callable[..., None]
"""As `logging.Logger.warning`."""

MAX_BYTES: Final = 256_000_000
"""Of the outputs of a run that are kept, if nobody says otherwise."""


class Run:
    """One cell, from its request to its last message.

    Parameters
    ----------
    transport
        The connection to the kernel.
    on_event
        Hears what happens.
    on_input
        Answers `input()`.
    interval
        Seconds for which deltas are gathered.
    max_bytes
        Of outputs that are kept; None: they are told, and none is kept.
    max_characters
        Of their text; None: any number.
    has_room
        Whether an output of so many bytes is wanted; by default, while there is room.
    max_dropped
        How much may come that is no message of the protocol before the run is given up; None: any.
    log
        Hears what is dropped, by what is wrong with it.
    hosting
        Functions that the program may call.
    """

    def __init__(
        self,
        transport: Transport,
        on_event: OnEvent | None,
        on_input: OnInput | None,
        interval: float,
        *,
        max_bytes: int | None = MAX_BYTES,
        max_characters: int | None = None,
        has_room: Callable[[int], bool] | None = None,
        max_dropped: int | None = None,
        log: Log = _LOG.warning,
        hosting: Hosting | None = None,
    ) -> None:
        self.comm_id = uuid4().hex
        self.opened = asyncio.Event()
        """Whether the kernel has taken the stream, or refused it."""
        self._transport = transport
        self._on_event = on_event or _hear_nothing
        self._on_input = on_input
        # Each message costs the statement that runs meanwhile time. A kernel that is far away would
        # wait for the text that it can use from then on.
        gathers = interval > 0 and not transport.may_break
        busy_interval = max(interval, _BUSY_INTERVAL) if gathers else interval
        self._batcher = Batcher(self._send_delta, interval, busy_interval)
        self._outputs = None
        if max_bytes is not None:
            self._outputs = OutputCollector(max_bytes, max_characters)
        self._has_room = has_room
        self._long_messages = 0
        self._max_dropped = max_dropped
        self._log = log
        self._hosting = hosting
        self.dropped: dict[str, int] = {}
        """What came and was not taken: what was wrong with it, and how often."""
        self._cuts: dict[str, int] = {}
        self.heard_bytes = 0
        """Of what came, also where it is others'; over a websocket this is not known."""
        self._unfit = 0
        self._opening = self._request = ""
        self._streamed = self._text_ended = False
        self._code = ""  # of an ordinary cell
        self._source_error: Exception | None = None
        self.stopped = Stop()
        self._kernel_stopped = False
        self._failure: Exception | None = None
        self.gave_up = asyncio.Event()
        """Whether one of our callbacks has failed: the run is to end."""
        self.begun = False
        """Whether the kernel has come to the cell."""
        self._comm_result: dict[str, Any] | None = None
        self._reply: dict[str, Any] | None = None
        self._idle = False
        self._resuming = Resuming(transport, self.comm_id) if transport.may_break else None
        self._questions = (
            Questions(on_input, transport, self._drop, self._fail) if on_input is not None else None
        )
        self._heard_at = 0.0
        self._ended = asyncio.Event()

    # Sending --------------------------------------------------------------------------------

    def open(
        self,
        *,
        format: str = "auto",
        gate: Mode | None = None,
        on_error: OnError = "stop",
        model: str = "",
    ) -> None:
        """Open the stream; the options are those of the protocol's ``comm_open``."""
        self._streamed = True
        resume = self._resuming is not None
        data = open_data(
            format=format,
            gate=gate,
            on_error=on_error,
            model=model,
            resume=resume,
            # Where nothing waits for those of deltas: they cost the program time.
            idle=resume,
        )
        content = {"comm_id": self.comm_id, "target_name": TARGET, "data": data}
        self._opening = self._send("shell", "comm_open", content)

    def execute(
        self,
        code: str,
        *,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
    ) -> None:
        """Send the cell. Without this, the cell is somebody else's."""
        self._code = code
        content = {
            "code": code,
            "silent": silent,
            "store_history": store_history,
            "user_expressions": user_expressions or {},
            "allow_stdin": self._on_input is not None,
            "stop_on_error": False,
        }
        self._request = self._send("shell", "execute_request", content)

    def cancel(self, why: str = "") -> None:
        """Have the kernel take no more text, and run nothing that is not running.

        Parameters
        ----------
        why
            What the user of the cell is told; empty: that the client cancelled it.
        """
        self._send_data(Cancel(why).data())
        self._text_ended = True

    def give_up(self, reason: str, message: str) -> None:
        """Cancel it, and say why nobody wants more text."""
        self.cancel()
        self.stopped.reason, self.stopped.message = reason, message
        self.stopped.set()

    def _send(self, channel: Channel, kind: str, content: dict[str, Any]) -> str:
        message = self._transport.session.msg(kind, content)
        if self._resuming is None or self._resuming.note(channel, message):
            self._transport.send(channel, message)
        msg_id: str = message["header"]["msg_id"]
        return msg_id

    def _send_data(self, data: dict[str, Any]) -> None:
        self._send("shell", "comm_msg", {"comm_id": self.comm_id, "data": data})

    def _answer_call(self, data: dict[str, Any]) -> None:
        if self._hosting is not None:
            self._send("shell", "comm_msg", {"comm_id": self._hosting.comm_id, "data": data})

    def _send_delta(self, text: str, offset: int) -> None:
        self._send_data(Delta(text, offset).data())

    def feed(self, text: str) -> None:
        """Send some of the text, gathered with what follows it at once."""
        if not self._text_ended:
            self._batcher.add(text)

    def end_text(self, reason: str | None) -> None:
        """Send the end of the text, once."""
        if not self._text_ended:
            # Text that came before a stop or an error is part of the program.
            self._batcher.flush()
            self._text_ended = True
            self._send_data(End(reason).data())

    async def _feed(self, deltas: AsyncIterable[str | None] | Iterable[str | None]) -> None:
        iterator = iterate(deltas)
        try:
            async for text in iterator:
                if self.stopped.is_set():
                    return  # an iterator that does not mind being cancelled
                if check_delta(text):
                    self.feed(text)
                # An iterator that never waits must not keep messages from going or coming.
                await asyncio.sleep(0)
            self.end_text(getattr(deltas, "finish_reason", None))
        finally:
            self._batcher.flush()
            self._source_error = await close(iterator) or self._source_error

    # Receiving ------------------------------------------------------------------------------

    async def stream(
        self,
        deltas: AsyncIterable[str | None] | Iterable[str | None],
        waiting: asyncio.Task[RunResult] | None = None,
    ) -> RunResult:
        """Send deltas, and wait for the end.

        Parameters
        ----------
        deltas
            The text.
        waiting
            Whoever takes the messages, if somebody does.
        """
        own = waiting is None
        waiting = waiting or asyncio.create_task(self.wait())
        feeding = asyncio.create_task(self._feed(deltas))
        stopped = asyncio.create_task(self.stopped.wait())
        try:
            await asyncio.wait({feeding, waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if feeding.done() and not self.stopped.is_set():
                if (error := feeding.exception()) is not None:
                    self.cancel(told(error))
                    await waiting
                    raise error
            else:
                self._source_error = await end(feeding) or self._source_error
            return replace(await waiting, source_error=self._source_error, usage=usage_of(deltas))
        except asyncio.CancelledError:
            self.cancel()
            raise
        finally:
            self.stopped.set()
            for task in (feeding, stopped, *([waiting] if own else [])):
                task.cancel()
            await asyncio.gather(feeding, stopped, return_exceptions=True)
            if own:
                await asyncio.gather(waiting, return_exceptions=True)

    async def wait(self) -> RunResult:
        """Take messages until the cell and its stream have ended."""
        works = [self._take_replies(), self._take_iopub(), self._watch()]
        if self._questions is not None:
            works += [self._questions.take(), self._questions.answer()]
        # None of these ends but by an error: that of a task, or of the watch over the kernel.
        tasks = [asyncio.create_task(work) for work in works]
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({ended, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            if self._comm_result:
                self._tell(self._comm_result)
            for reason, count in self.dropped.items():
                if count > 1:
                    self._log("Not taken of what came from the kernel, %d times: %s", count, reason)
                    self._tell({"type": "dropped", "reason": reason, "count": count})
            for reason, count in self._cuts.items():
                self._tell({"type": "dropped", "reason": reason, "count": count})
            if self._streamed:
                # If its program said in the kernel's place that it has ended, it waits for more.
                self.end_text("length")
            if self._failure is not None:
                raise self._failure
            return self._result()
        finally:
            self.stopped.set()
            if self._hosting is not None:
                self._hosting.cancel()
            for other in (ended, *tasks):
                other.cancel()
            await asyncio.gather(ended, *tasks, return_exceptions=True)

    @property
    def _has_all_of_iopub(self) -> bool:
        cell_ended = self._idle or not self._request
        return cell_ended and (not self._streamed or self._comm_result is not None)

    def _note_reply(self, content: dict[str, Any]) -> None:
        self._reply = content
        self._look_for_end()

    def _look_for_end(self) -> None:
        has_reply = self._reply is not None or not self._request
        if has_reply and self._has_all_of_iopub:
            self._ended.set()

    async def _take_replies(self) -> None:
        await self._take("shell", self._take_reply)

    async def _take_iopub(self) -> None:
        await self._take("iopub", self._take_told)

    async def _take(self, channel: Channel, take: Callable[[dict[str, Any]], None]) -> None:
        """Take what comes on a channel. What is no message of the protocol ends nothing."""
        while True:
            heard = await self._transport.receive(channel, self._screen)
            self._heard_at = asyncio.get_running_loop().time()
            try:
                if isinstance(heard, UnfitError):
                    raise heard
                if isinstance(heard, Broken):
                    self._come_back()
                else:
                    take(heard)
            except UnfitError as unfit:
                self._drop(unfit)
            self._look_for_end()

    def _screen(self, kind: str, answers: str, content: bytes) -> bool:
        """Decide what is read, before it is: a flood must not keep us from what there is else."""
        self.heard_bytes += len(content)
        if kind in ("comm_msg", "comm_close"):
            if self._hosting is not None and self._hosting.comm_id.encode() in content:
                return True
            if self.comm_id.encode() not in content:
                return answers == self._request and may_be_of_widget(content)
            if len(content) > _LONG_MESSAGE:
                self._long_messages += 1
                if self._long_messages > _MOST_LONG:
                    raise UnfitError("there are more long messages on the comm than a run has")
            return True
        if kind in OUTPUTS and answers == self._request:
            if self._has_room is not None:
                return self._has_room(len(content))
            if self._outputs is not None and not self._outputs.has_room(len(content)):
                raise self._outputs.full()
        return answers in (self._request, self._opening)

    def _take_reply(self, message: dict[str, Any]) -> None:
        is_reply = message["header"]["msg_type"] == "execute_reply"
        if is_reply and message["parent_header"].get("msg_id") == self._request:
            self._note_reply(check_reply(message["content"]))

    def _take_told(self, message: dict[str, Any]) -> None:
        if self._resuming is None:
            self._take_message(message)
        elif (answer := self._resuming.take_answer(message)) is not None:
            self._take_answer(answer)
        elif self._resuming.counts(message := self._resuming.unwrap(message)):
            self._take_message(message)

    def _take_message(self, message: dict[str, Any]) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        answers = message["parent_header"].get("msg_id")
        if answers == self._opening:
            self.opened.set()
        if kind in ("comm_msg", "comm_close"):
            comm_id = content.get("comm_id")
            if comm_id == self.comm_id:
                self._take_comm(kind, content.get("data"))
            elif self._hosting is not None and comm_id == self._hosting.comm_id:
                self._hosting.take(content.get("data"), self._answer_call)
            elif self._outputs is not None and answers == self._request:
                self._outputs.hear_widget(content, self._request)
        elif answers != self._request:
            return
        elif kind == "status":
            self._idle = check_status(content) == "idle"
            self.begun = True
        else:
            self._take_output(kind, message)

    def _take_output(self, kind: str, message: dict[str, Any]) -> None:
        if self._outputs is not None:
            output = self._outputs.take(message)
            if (cut := self._outputs.take_cut()) is not None:
                self._cut(*cut)
        elif kind == "update_display_data":
            check_update(message["content"])  # which nobody is told of
            return
        elif kind in OUTPUTS:
            output = check_output(kind, message["content"])
        else:
            return
        if output is not None:
            self._tell({"type": "output", "output": output})

    def _take_comm(self, kind: str, data: Any) -> None:
        if kind == "comm_close":
            # A stream that was refused, or dropped, closes without a result.
            self._comm_result = self._comm_result or {}
            self._stop()
            return
        event = check_event(data, self._batcher.sent)
        if event["type"] == "stop":
            if self._kernel_stopped:
                raise UnfitError("it is a second stop")
            self._kernel_stopped = True
            if not self.stopped.reason:
                self.stopped.reason, self.stopped.message = event["reason"], event["message"]
            self._stop()
        elif event["type"] == "result":
            if "report" in event:
                self._check_report(event)
            # The kernel's own is the last one. It is told when the run has ended.
            self._comm_result = dict(event)
            return
        elif event["type"] == "chunk":
            # While the kernel runs a statement, it can use no text.
            self._batcher.set_busy(runs_after(event["state"], self._batcher.busy))
        self._tell(dict(event))

    def _stop(self) -> None:
        self.stopped.set()
        # To a kernel that said stop this is nothing new. If its program said so in its place, it
        # waits for more, and must not run a statement that may be cut.
        if self._streamed:
            self.end_text("length")

    def _check_report(self, result: ResultMessage) -> None:
        try:
            result["report"] = check_report(result["report"])
        except UnfitError as unfit:
            del result["report"]
            self._drop(unfit)

    def _tell(self, event: dict[str, Any]) -> None:
        """Tell whoever listens. If they fail, the run ends, and then they hear of it."""
        try:
            self._on_event(event)
        except (SystemExit, KeyboardInterrupt) as error:
            # They would end the loop, and who waits for the result would wait for ever.
            self._fail(LeavingError(error))
        except Exception as error:  # noqa: BLE001 - raised when the run has ended
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Have the run end, as a callback has failed; `wait` raises its error then."""
        self._failure = self._failure or error
        self._on_event = _hear_nothing
        self.cancel()
        self.gave_up.set()

    def _cut(self, reason: str, characters: int) -> None:
        """Say what is cut off. No log: a limit that was asked for is no fault."""
        if reason not in self._cuts:
            self._tell({"type": "dropped", "reason": reason, "count": characters})
        self._cuts[reason] = self._cuts.get(reason, 0) + characters

    def _drop(self, unfit: UnfitError) -> None:
        """Say what is not taken: each reason once when it comes, how often at the end."""
        reason = str(unfit)
        first = reason not in self.dropped
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        self._unfit += not reason.startswith(FULL)
        if first:
            self._log("Not taken of what came from the kernel: %s", reason)
            self._tell({"type": "dropped", "reason": reason, "count": 1})
        if self._max_dropped is not None and self._unfit > self._max_dropped:
            raise LimitError(
                f"more than {self._max_dropped:,} messages came in the kernel's name that are none "
                "of its protocol, so the run was given up; its program sends them"
            )

    def _come_back(self) -> None:
        """Go on after the connection broke."""
        if self._resuming is None or not self._streamed:
            raise KernelConnectionError(
                "the connection broke while the cell ran: it may have run, and what it showed "
                "is lost"
            )
        self._resuming.come_back()

    def _take_answer(self, data: ResumedMessage) -> None:
        """Take what the kernel knows of a run whose connection broke."""
        if data["reply"] is not None:
            self._note_reply(data["reply"])
        if self._questions is not None and data["input"] is not None:
            self._questions.hear_again(**data["input"])

    async def _watch(self) -> None:
        """Raise when the kernel is gone, and ask for what does not come."""
        waited = 0
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_WATCH_INTERVAL)
            await self._transport.check()
            # One of the two has come, and the other may have been lost.
            one = self._request and (self._reply is not None) != self._has_all_of_iopub
            waited = waited + 1 if one else 0
            if self._resuming is not None and self._streamed:
                if waited == _PATIENCE:
                    waited = 0
                    # A program can send what keeps the server from passing anything on.
                    if self._resuming.waiting:
                        self._transport.renew()
                    else:
                        self._resuming.ask()
            elif waited > _LONG_PATIENCE and clock() - self._heard_at > _LONG_PATIENCE:
                # A kernel that is told to send more than its sockets take loses some of it.
                self._drop(
                    UnfitError("messages that end the run are missing: the kernel lost them")
                )
                self._ended.set()

    def _result(self) -> RunResult:
        data = self._comm_result or {}
        reply = self._reply or self._stand_in(data)
        error = data.get("error")
        if error is None and reply["status"] != "ok":
            error = {key: reply.get(key) for key in ("ename", "evalue", "traceback")}
        result = RunResult(
            status=data.get("status") or ("ok" if reply["status"] == "ok" else "error"),
            outputs=[] if self._outputs is None else self._outputs.outputs,
            error=None
            if error is None
            else RunError(
                error["ename"] or reply["status"],
                error["evalue"] or "",
                error["traceback"] or [],
                tuple(error["lines"]) if error.get("lines") else None,
            ),
            program=data.get("program", ""),
            executed_lines=data.get("executed_lines", 0),
            report=Report.from_dict(data["report"]) if "report" in data else None,
            execution_count=data.get("execution_count", reply.get("execution_count")),
            stop_reason=self.stopped.reason,
            reply=reply,
            dropped={**self.dropped, **self._cuts},
            left_out=LeftOut.from_dict(data.get("left_out", {})),
        )
        return result if self._streamed else with_program(result, self._code)

    def _stand_in(self, data: dict[str, Any]) -> dict[str, Any]:
        """Say in the place of a reply, where the cell is somebody else's, how it ended."""
        if data:
            return {"status": "ok" if data["status"] in ("ok", "no_code") else "error"}
        why = self.stopped.message or "the kernel closed the stream without a result"
        return {"status": "error", "ename": "ProtocolError", "evalue": why}


class LeavingError(Exception):
    """Whoever heard an event wants the process to end, which is for the caller to do."""

    def __init__(self, why: BaseException) -> None:
        super().__init__()
        self.why = why


class Stop(asyncio.Event):
    """Whether more text is wanted: set when the kernel says stop, and when the run has ended."""

    reason: str = ""
    """Why the kernel said stop, as in `docs/protocol.md`; empty if it did not."""
    message: str = ""
    """The same in a sentence."""


def told(error: BaseException) -> str:
    """What the user of the cell is told of an error of the client's."""
    if isinstance(error, EagerError):
        return str(error)  # made to be shown; others may hold what is the client's alone
    return f"the client's text ended in {type(error).__name__}"


def check_delta(text: object) -> TypeGuard[str]:
    """Whether there is something in a delta: it may be empty, or None, as many models' are.

    Raises
    ------
    TypeError
        It is something else.
    """
    if text is None or isinstance(text, str):
        return bool(text)
    what = type(text).__name__
    hint = ": decode it" if isinstance(text, bytes | bytearray) else ""
    raise TypeError(f"a delta must be text or None, not {what}{hint}")


def _hear_nothing(event: dict[str, Any]) -> None:
    """Nobody listens, or whoever did has failed."""


_BUSY_INTERVAL: Final = 0.1
_LONG_MESSAGE: Final = 65_536
_MOST_LONG: Final = 5  # a result is one
_WATCH_INTERVAL: Final = 1.0
_PATIENCE: Final = 5
_LONG_PATIENCE: Final = 30
