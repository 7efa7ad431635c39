"""What a deployer may configure of runs and of the gate.

Traitlets stay here, at the face; the core takes plain frozen policies, which these classes make.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Enum, Float, Integer, List, TraitError, Unicode, validate
from traitlets.config import Configurable

from eager_kernel.core.effects.audit_events import Effects
from eager_kernel.core.effects.hosts import parse_host
from eager_kernel.core.gate import BARRED, MODES, UNDONE, Gate, Mode, Rule
from eager_kernel.core.rules import Policy
from eager_kernel.execution.barrier import Barrier
from eager_kernel.kernel.hosted import rule_for_hosted
from eager_kernel.protocol import ON_ERROR, Limits
from eager_kernel.protocol.words import MAX_JOURNAL_BYTES

if TYPE_CHECKING:
    from eager_kernel.execution.hosts import Hosts
    from eager_kernel.execution.journals import Journals, Restored

ENTRY_POINTS: Final = "eager_kernel.rules"
"""Group of the entry points that give rules: functions ``Chunk -> Verdict | None``."""

_LIMITS: Final = Limits()


class EagerRun(Configurable):
    """What a streamed run may cost, and what an error does to it."""

    on_error = Enum(
        ON_ERROR,
        default_value="stop",
        help="""What an error does to generation, where the client does not say. "stop": the
        model is told to stop at once. "drain": the rest of its text is awaited, so that the
        whole program is known.""",
    ).tag(config=True)
    max_program_chars = Integer(
        _LIMITS.max_program_chars,
        help="""Characters of code in one streamed program; a longer one is stopped, and what
        has run of it stays.""",
    ).tag(config=True)
    max_pending_deltas = Integer(
        _LIMITS.max_pending_deltas,
        help="""Deltas of one stream that may wait to be read; more stop the stream.""",
    ).tag(config=True)
    max_streams = Integer(
        _LIMITS.max_streams, help="""Streams that may be open at once; a further one is refused."""
    ).tag(config=True)
    delta_timeout = Float(
        _LIMITS.delta_timeout,
        help="""Seconds without any message of a running stream's client after which it is
        taken for gone, and the run ends with an error. Includes the model's time to its first
        token.""",
    ).tag(config=True)
    attach_timeout = Float(
        _LIMITS.attach_timeout,
        help="""Seconds from the opening of a stream within which a cell that attaches it must be
        sent; then it is dropped, with nothing run. The cell itself may wait for others as long as
        it must.""",
    ).tag(config=True)

    max_journal_bytes = Integer(
        MAX_JOURNAL_BYTES,
        help="""Bytes of what a run shows that are kept for a client whose connection breaks, if it
        asked for that when it opened its stream; and of the runs that have ended, together.""",
    ).tag(config=True)

    warm_imports = List(
        Unicode(),
        help="""Modules to import as soon as a model is asked, while it has not written anything
        yet, for example ["pandas", "matplotlib.pyplot"]. Once a process, in a thread; only
        installed modules. A program that sets environment variables or options before it
        imports one of them finds it imported already, and so does one that the module prints
        to.""",
    ).tag(config=True)
    learn_imports = Bool(
        False,
        help="""Whether to import so what earlier programs of this user imported most, too.
        Their names are kept in Jupyter's data folder.""",
    ).tag(config=True)

    def make_limits(self) -> Limits:
        """The limits, as values."""
        return Limits(
            max_program_chars=self.max_program_chars,
            max_pending_deltas=self.max_pending_deltas,
            max_streams=self.max_streams,
            delta_timeout=self.delta_timeout,
            attach_timeout=self.attach_timeout,
        )


class EagerGate(Configurable):
    """When statements of a stream may run, and when their outside effects may happen.

    The gate decides *when*. It is no sandbox.
    """

    mode = Enum(
        MODES,
        default_value="effect",
        help="""The gate mode of streams whose client names none. "effect": statements run as
        soon as they are complete. What they do to files happens at once (on Linux), and is undone
        if the program turns out to be none; what can't be undone waits, at the effect, until the
        whole program is known; what can't be held there (clocks, threads, native writers) is held
        before it runs. "journal": another name of "effect". "wait": the same, but files wait, too.
        "static": all of it is held before it runs. "paper": by names alone, as published.
        "serial": nothing runs before generation has ended. "off": nothing waits.""",
    ).tag(config=True)
    defer = Bool(
        True,
        help="""Whether function and class definitions wait for the next statement that does
        something, to save a batch of their own.""",
    ).tag(config=True)
    modules = List(
        Unicode(),
        help="""Modules every use of which is held, besides those that are known: dotted names,
        for example ["boto3"]. They must be installed.""",
    ).tag(config=True)
    names = List(
        Unicode(),
        help="""Functions every use of which is held: dotted names, for example
        ["mytools.publish"].""",
    ).tag(config=True)
    methods = List(
        Unicode(),
        help="""Methods whose call is held, on whatever object, for example ["deploy"].""",
    ).tag(config=True)
    timing = List(
        Unicode(),
        help="""Functions that read a clock or start threads: dotted names; held like the others,
        with this as the reason.""",
    ).tag(config=True)
    events = List(
        Unicode(),
        help="""Audit events at which a program waits, besides those that are known, for example
        ["mytools.publish"] where that calls `sys.audit`. Modes "effect" and "wait" only.""",
    ).tag(config=True)
    folders = List(
        Unicode(),
        help="""Folders in which writing need not wait, and is not undone: absolute, or beginning
        with "~". Modes "effect" and "wait" only.""",
    ).tag(config=True)
    hosts = List(
        Unicode(),
        help="""Hosts that programs may connect to at once: "host" for all ports, "host:port" for
        one, "[::1]:port" for an IPv6 address. What is sent to them can't be taken back if the
        program turns out to be none. For example ["127.0.0.1:8765", "api.example.com:443"]. Modes
        "effect" and "wait" only.""",
    ).tag(config=True)
    undo_file_bytes = Integer(
        64_000_000,
        help="""Bytes of the largest file of which a copy is kept before a program writes to it. At
        a larger one, the program waits. Mode "effect" only.""",
    ).tag(config=True)
    undo_run_bytes = Integer(
        512_000_000,
        help="""Bytes of all that is kept of files for one run; what would need more waits. Mode
        "effect" only.""",
    ).tag(config=True)
    undo_ended_bytes = Integer(
        512_000_000,
        help="""Bytes that are kept of a run that has ended well, for `%eager undo`, until the next
        run begins. One that needs more can't be taken back. Of a cell of several steps, the first
        are not kept where all need more. Mode "effect" only.""",
    ).tag(config=True)
    rules = List(
        Unicode(),
        help="""Rules of your own, as "module:function". A rule takes a
        `eager_kernel.core.chunk.Chunk` and returns a `eager_kernel.core.gate.Verdict`, or None
        where it has no opinion. Installed packages give rules by entry points of the group
        "eager_kernel.rules"; these are always used.""",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Read once, at the start: a mistake shows there, not in somebody's run.
        self._rules = self._load_rules()
        self._policy = Policy(
            modules=frozenset(self.modules),
            names=frozenset(self.names),
            methods=frozenset(self.methods),
            timing=frozenset(self.timing),
            defer=self.defer,
        )
        self._effects = Effects(
            events=frozenset(self.events),
            folders=tuple(_absolute(folder) for folder in self.folders),
            caches=_cache_folders(),
            temporary=_absolute(tempfile.gettempdir()),
            hosts=frozenset({platform.node()} - {""}),
        )
        self._hosts: Hosts | None = None
        if self.hosts:
            from eager_kernel.execution.hosts import Hosts  # noqa: PLC0415 - loads `socket`

            self._hosts = Hosts(map(parse_host, self.hosts))
        self._journals: Journals | None = None

    @property
    def file_journals(self) -> Journals:
        """What runs have done to files, to be undone."""
        if self._journals is None:
            # A kernel whose gate keeps none does not load what keeps them.
            from eager_kernel.execution import journals, kept_files  # noqa: PLC0415

            limits = kept_files.Limits(
                self.undo_file_bytes, self.undo_run_bytes, self.undo_ended_bytes
            )
            self._journals = journals.Journals(undo_folder(), limits)
        return self._journals

    def restore_left(self) -> list[Restored]:
        """Undo what kernels have left that were killed before their program was known."""
        folder = undo_folder()
        # Where there is nothing, nothing is loaded to find that out.
        if not os.path.isdir(folder) or not os.listdir(folder):  # noqa: PTH112, PTH208 - plain
            return []
        return self.file_journals.restore_left()

    def close(self) -> None:
        """The kernel ends: nobody takes back what its last run has done."""
        if self._journals is not None:
            self._journals.forget()

    def make_gate(self, mode: Mode) -> Gate:
        """A gate for one program."""
        rules = self._rules
        if mode in ("static", "paper") and (hosted := rule_for_hosted()) is not None:
            rules = {"functions of clients": hosted, **rules}
        return Gate(mode, self._policy, rules)

    def make_barrier(self, mode: Mode, cell: str = "") -> Barrier | None:
        """An effect barrier for one run, a step of a cell; None in a mode that has none."""
        if mode not in BARRED:
            return None
        journal = self.file_journals.new(cell) if mode in UNDONE else None
        return Barrier(self._effects, _is_kernel_thread, journal=journal, hosts=self._hosts)

    def note_run(self, mode: Mode) -> None:
        """A run begins: nobody takes back any more what the one before it has done."""
        # A run that has a journal says it itself: it may be a step of the cell before.
        if self._journals is not None and mode not in UNDONE:
            self._journals.forget()

    @validate("modules")
    def _check_modules(self, proposal: Any) -> list[str]:
        for name in _dotted(proposal, at_least=1):
            if find_spec(name.partition(".")[0]) is None:
                raise TraitError(
                    f"EagerGate.modules: there is no module {name!r} here; correct the name, "
                    "install it, or take it off the list"
                )
        return list(proposal["value"])

    @validate("names", "timing")
    def _check_names(self, proposal: Any) -> list[str]:
        return _dotted(proposal, at_least=2)

    @validate("methods")
    def _check_methods(self, proposal: Any) -> list[str]:
        for name in proposal["value"]:
            if not name.isidentifier():
                raise TraitError(
                    f"EagerGate.methods: {name!r} is no method's name; write it without dots, "
                    "brackets and arguments"
                )
        return list(proposal["value"])

    @validate("events")
    def _check_events(self, proposal: Any) -> list[str]:
        for name in proposal["value"]:
            if not name or name != name.strip():
                raise TraitError(f"EagerGate.events: {name!r} is no audit event's name")
        return list(proposal["value"])

    @validate("folders")
    def _check_folders(self, proposal: Any) -> list[str]:
        for folder in proposal["value"]:
            if not Path(folder).expanduser().is_absolute():
                raise TraitError(
                    f"EagerGate.folders: {folder!r} is relative, and a program may change its "
                    "folder; write the whole path"
                )
        return list(proposal["value"])

    @validate("hosts")
    def _check_hosts(self, proposal: Any) -> list[str]:
        for text in proposal["value"]:
            try:
                parse_host(text)
            except ValueError as error:
                raise TraitError(
                    f"EagerGate.hosts: {text!r} is no host: {error}; write host or host:port, "
                    "without http:// and without a path"
                ) from None
        return list(proposal["value"])

    def _load_rules(self) -> Mapping[str, Rule]:
        rules: dict[str, Rule] = {}
        for point in rule_points():
            where = f"the entry point {point.name!r} of {ENTRY_POINTS} ({point.value})"
            try:
                rules[point.name] = _checked(point.load(), where)
            except Exception as error:
                raise TraitError(f"{where} can't be loaded: {_told(error)}") from error
        for text in self.rules:
            where = f"EagerGate.rules: {text!r}"
            module, colon, name = text.partition(":")
            if not (module and colon and name.isidentifier()):
                raise TraitError(f"{where} is no rule; write module:function")
            try:
                rules[text] = _checked(getattr(import_module(module), name), where)
            except Exception as error:
                raise TraitError(f"{where} can't be loaded: {_told(error)}") from error
        return rules


def undo_folder() -> str:
    """Where the journals of this user's runs are."""
    return os.path.join(jupyter_data_dir(), "eager", "undo")  # noqa: PTH118 - a plain string


@cache
def rule_points() -> EntryPoints:
    """The rules that packages bring; looking for them reads a file of each package."""
    return entry_points(group=ENTRY_POINTS)


def _checked(rule: Any, where: str) -> Rule:
    if not callable(rule):
        raise TraitError(f"{where} is no function but a {type(rule).__name__}")
    return rule  # type: ignore[no-any-return]


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, TraitError) else f"{type(error).__name__}: {error}"


def _dotted(proposal: Any, *, at_least: int) -> list[str]:
    names: list[str] = list(proposal["value"])
    trait = f"EagerGate.{proposal['trait'].name}"
    for name in names:
        parts = name.split(".")
        if len(parts) < at_least or not all(part.isidentifier() for part in parts):
            example = "module.function" if at_least > 1 else "package.module"
            raise TraitError(f"{trait}: {name!r} is no dotted name; write it like {example}")
    return names


def _absolute(folder: str) -> str:
    """The whole path, without links on the way: paths are compared so."""
    return os.path.realpath(Path(folder).expanduser())


def _cache_folders() -> tuple[str, ...]:
    """Where libraries keep what they make once, as lists of fonts."""
    home = Path.home()
    folders = [
        os.environ.get("XDG_CACHE_HOME") or home / ".cache",
        os.environ.get("LOCALAPPDATA") or home / "Library" / "Caches",
        os.environ.get("MPLCONFIGDIR") or home / ".matplotlib",
        Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "matplotlib",
        # Where matplotlib goes if its own folder can't be written.
        Path(tempfile.gettempdir()) / "matplotlib-*",
        # Where compiled modules go, if not beside the modules.
        *([sys.pycache_prefix] if sys.pycache_prefix else []),
    ]
    return tuple(_absolute(os.fspath(folder)) for folder in folders)


def _is_kernel_thread(thread: threading.Thread) -> bool:
    """Whether a thread that began during a run is the kernel's, as a subshell's."""
    module = type(thread).__module__
    # IPython has threads for a program's use, too.
    return module == "IPython.core.history" or module.partition(".")[0] in (
        "ipykernel",
        "zmq",
        "eager_kernel",
    )
