"""The wire protocol: its names, its words, its limits, and the messages of both directions.

`docs/protocol.md` describes it; a test compares that page with this package. Whoever speaks the
protocol takes it from here: the kernel, the client, the server, the magics and the tests. How what
comes is checked is theirs: `eager_kernel.kernel.checks`, `eager_kernel.client.checks`.

Here are values alone: no asyncio, threads, clock, IPython or Jupyter.
"""

from eager_kernel.core.extract.left_out import LeftOutContent
from eager_kernel.protocol.attach import Attach, attach_code, attached_comm, parse_attach
from eager_kernel.protocol.from_client import (
    Cancel,
    Delta,
    End,
    OpenOptions,
    Resume,
    is_client_message,
    is_delta,
    is_resume,
    open_data,
)
from eager_kernel.protocol.from_kernel import (
    AgainMessage,
    ChunkMessage,
    ErrorContent,
    Fields,
    QuestionContent,
    ResultMessage,
    ResumedMessage,
    StopMessage,
    runs_after,
)
from eager_kernel.protocol.words import (
    CATEGORIES,
    CHUNK_STATES,
    FORMAT_WORDS,
    ON_ERROR,
    STATUSES,
    STOP_REASONS,
    TARGET,
    VERSION,
    Category,
    ChunkState,
    Limits,
    Mode,
    OnError,
    Status,
    StopReason,
)

__all__ = [
    "CATEGORIES",
    "CHUNK_STATES",
    "FORMAT_WORDS",
    "ON_ERROR",
    "STATUSES",
    "STOP_REASONS",
    "TARGET",
    "VERSION",
    "AgainMessage",
    "Attach",
    "Cancel",
    "Category",
    "ChunkMessage",
    "ChunkState",
    "Delta",
    "End",
    "ErrorContent",
    "Fields",
    "LeftOutContent",
    "Limits",
    "Mode",
    "OnError",
    "OpenOptions",
    "QuestionContent",
    "ResultMessage",
    "Resume",
    "ResumedMessage",
    "Status",
    "StopMessage",
    "StopReason",
    "attach_code",
    "attached_comm",
    "is_client_message",
    "is_delta",
    "is_resume",
    "open_data",
    "parse_attach",
    "runs_after",
]
