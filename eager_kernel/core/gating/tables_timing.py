"""Clocks, threads and signals: what would show the model's pace, or run beside it.

No audit event shows a clock being read, and an effect in a thread of the program's own may come
at any moment. `time.sleep` is not here: it changes when, not what.
"""

from __future__ import annotations

from typing import Final

from eager_kernel.core.gating.argument_checks import entries, fewer_than, first_is, merged
from eager_kernel.core.rules import Listed

_CLOCK: Final = "reads a clock, which would show the model's pace"
_THREAD: Final = "starts work that runs beside the program"
_PROFILE: Final = "measures all that runs until it ends, at the model's pace"
_BAR: Final = "is drawn by later statements, at times that would show the model's pace"
_SIGNAL: Final = "sets signals or timers, which would fire at the model's pace"

_clock = Listed("timing", _CLOCK)
_thread = Listed("timing", _THREAD)
_signal = Listed("timing", _SIGNAL)
_profile = Listed("timing", _PROFILE)
_bar = Listed("timing", _BAR)
# `pd.to_datetime` is in every other script: a text is looked at only if it says "now".
_now = Listed("timing", _CLOCK, first_is("now", "today"), ("now", "today"))

USES: Final = merged(
    entries(
        _clock,
        "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time"
        " process_time_ns thread_time thread_time_ns clock_gettime clock_gettime_ns",
        "time.",
    ),
    # A module can't be called: a bare `time()` is `time.time` from an earlier cell.
    {"time": _clock},
    entries(Listed("timing", _CLOCK, fewer_than(1)), "ctime localtime gmtime asctime", "time."),
    {"time.strftime": Listed("timing", _CLOCK, fewer_than(2))},
    entries(_clock, "now utcnow today", "datetime.datetime."),
    # The class under the module's name, from an earlier cell.
    entries(_clock, "datetime.now datetime.utcnow datetime.today"),
    entries(_clock, "now utcnow today", "pandas.Timestamp."),
    entries(_now, "pandas.Timestamp pandas.to_datetime numpy.datetime64"),
    entries(_clock, "os.times resource.getrusage"),
    entries(_clock, "asyncio.get_running_loop().time asyncio.get_event_loop().time"),
    entries(_thread, "threading.Thread threading.Timer asyncio.to_thread sched.scheduler"),
    entries(
        _thread,
        "ThreadPoolExecutor ProcessPoolExecutor InterpreterPoolExecutor",
        "concurrent.futures.",
    ),
    entries(_thread, "start_new_thread start_new start_joinable_thread", "_thread."),
    entries(_thread, "multiprocessing.pool.ThreadPool multiprocessing.dummy.Pool"),
    entries(
        _signal,
        "signal alarm setitimer pause sigwait sigwaitinfo sigtimedwait siginterrupt"
        " set_wakeup_fd pthread_sigmask pthread_kill raise_signal",
        "signal.",
    ),
    # Those that a later statement ends. As `with`, or around a call, they are a statement's own.
    entries(
        _profile,
        "cProfile.Profile().enable line_profiler.LineProfiler().enable"
        " line_profiler.LineProfiler().enable_by_count pyinstrument.Profiler().start"
        " torch.profiler.profile().start tracemalloc.start tracemalloc.reset_peak"
        " viztracer.VizTracer().start yappi.start",
    ),
    entries(
        _bar,
        "rich.progress.Progress().start rich.live.Live().start rich.status.Status().start"
        " rich.console.Console().status().start rich.get_console().status().start"
        " progressbar.ProgressBar().start",
    ),
    entries(_signal, "faulthandler.dump_traceback_later faulthandler.register"),
    entries(
        Listed("timing", _CLOCK, first_is("time", "timeit", "prun", "mprun", "lprun")),
        "run_line_magic run_cell_magic magic",
        "IPython.get_ipython().",
    ),
)

MODULES: Final = merged(entries(_clock, "timeit"), entries(_thread, "multiprocessing.dummy"))

CLOCK_METHODS: Final = ("now", "utcnow", "today")

METHODS: Final = merged(
    # On an executor or pool of an earlier cell: its workers were there before.
    entries(_thread, "submit run_in_executor apply_async map_async starmap_async imap_unordered"),
    # Of a date class, whatever its name: `Timestamp`, `arrow`, `timezone`, `date`.
    entries(_clock, " ".join(CLOCK_METHODS)),
    # Not `.start` and `.map`: everything has those.
    entries(_signal, "add_signal_handler"),
)

LASTING: Final = entries(_bar, "tqdm.tqdm() progressbar.ProgressBar()")
"""What goes on where a statement binds it to a name: a bar of which a later one draws the rest. One
that a loop makes for itself ends with the loop."""

# The day does not show the model's pace.
READS: Final = frozenset({"datetime.date.today"})
