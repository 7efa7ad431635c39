"""Effects that no audit event shows: system calls without one, and writers in native code.

CPython raises ``open`` for `io.open` and `os.open`, not for the ``fopen`` of a C, C++ or Rust
library. What opens its file in Python (`numpy.save`, `DataFrame.to_csv`, ``Image.save``,
``plt.savefig``, `joblib.dump`) is not listed here: it can be held at the effect itself.
Which is which was found by running most of these writers under an audit hook.
"""

from __future__ import annotations

from typing import Final

from eager_kernel.core.gating.argument_checks import (
    entries,
    given,
    merged,
    mode_writes,
    never,
    not_in_memory,
    to_file,
)
from eager_kernel.core.rules import MEMORY, Listed

_SYSTEM: Final = "changes the system, and no audit event shows it"
_PROCESS: Final = "works in other processes, where nothing can hold its effects"
_CONNECT: Final = "connects in native code, where nothing can hold it at the effect"
_EXIT: Final = "leaves work for the end of the process, even if the program turns out broken"
_CALL: Final = "calls native code, where nothing can hold an effect"
_WINDOW: Final = "opens a window or drives a device in native code"

_DBM: Final = "opens a database in native code, where nothing can hold it at the effect"
_LISTENS: Final = "listens on the network, and no audit event shows it"
_STAYS: Final = (
    "stays for good, and sees the kernel's own work, even if the program turns out broken"
)
_INTERPRETER: Final = "works in another interpreter, where nothing can hold its effects"
_OF_PROCESSES: Final = "nice ionice rlimit cpu_affinity"

_stays = Listed("external-effect", _STAYS)
_interpreter = Listed("external-effect", _INTERPRETER)
_call = Listed("external-effect", _CALL)
_system = Listed("external-effect", _SYSTEM)
_process = Listed("external-effect", _PROCESS)
_connect = Listed("external-effect", _CONNECT)
_exit = Listed("external-effect", _EXIT)
_window = Listed("external-effect", _WINDOW)


USES: Final = merged(
    # The system, without an audit event.
    entries(
        _system,
        "mkfifo mknod chroot sendfile copy_file_range splice write writev pwrite pwritev"
        " posix_fallocate dup2 setuid seteuid setreuid setresuid setgid setegid setregid"
        " setresgid setgroups initgroups setsid setpgid setpgrp setpriority nice umask"
        " setns unshare _exit abort sched_setaffinity sched_setparam sched_setscheduler tcsetpgrp"
        " login_tty",
        "os.",
    ),
    entries(_system, "signal.pidfd_send_signal termios.tcsetattr tty.setraw tty.setcbreak"),
    entries(Listed("external-effect", _SYSTEM, to_file), _OF_PROCESSES, "psutil.Process()."),
    entries(_system, "_posixshmem.shm_open _posixshmem.shm_unlink _multiprocessing.SemLock"),
    entries(Listed("external-effect", _LISTENS), "socket.socket().listen socket.fromfd().listen"),
    entries(_system, "readline.write_history_file readline.append_history_file"),
    entries(_exit, "atexit.register atexit.unregister weakref.finalize"),
    entries(_stays, "sys.addaudithook os.register_at_fork threading.setprofile_all_threads"),
    entries(_stays, "threading.settrace_all_threads"),
    # Processes. `os.fork` and `subprocess` raise an event; semaphores, shared memory and the
    # processes that are made with `_posixsubprocess.fork_exec` do not.
    # It does nothing by itself, and what it gives is the whole module.
    {"multiprocessing.get_context": Listed("external-effect", _PROCESS, never)},
    entries(_process, "joblib.Parallel dask.distributed.Client distributed.Client"),
    entries(_process, "dask.distributed.LocalCluster distributed.LocalCluster ray.init ray.remote"),
    entries(
        _process,
        "_posixsubprocess.fork_exec subprocess._fork_exec mpire.WorkerPool"
        " tqdm.contrib.concurrent.process_map",
    ),
    entries(_process, "loky.get_reusable_executor loky.ProcessPoolExecutor pandarallel.initialize"),
    entries(
        Listed("external-effect", _PROCESS, given(5, "num_workers"), ("num_workers",)),
        "torch.utils.data.DataLoader",
    ),
    entries(_call, "_cffi_backend.load_library cffi.FFI().dlopen cffi.FFI().verify"),
    entries(_call, "cffi.FFI().compile"),
    # Databases and connections of native libraries. Pure Python ones use `socket`.
    entries(
        _connect,
        "psycopg2.connect psycopg.connect psycopg.Connection.connect pyodbc.connect"
        " MySQLdb.connect mysql.connector.connect cx_Oracle.connect lmdb.open"
        " plyvel.DB zmq.Context().socket grpc.insecure_channel grpc.secure_channel"
        " grpc.aio.insecure_channel grpc.aio.secure_channel pycurl.Curl uvloop.install"
        " uvloop.run lmdb.Environment mariadb.connect pymssql.connect confluent_kafka.Producer"
        " confluent_kafka.Consumer connectorx.read_sql primp.Client rnet.Client"
        " duckduckgo_search.DDGS ddgs.DDGS tokenizers.Tokenizer.from_pretrained"
        " pyarrow.flight.connect pyarrow.flight.FlightClient",
    ),
    {"apsw.Connection": Listed("external-effect", _CONNECT, not_in_memory, otherwise=MEMORY)},
    entries(Listed("external-effect", _DBM, mode_writes()), "dbm.open dbm.gnu.open _gdbm.open"),
    entries(
        Listed("external-effect", _DBM, mode_writes(keyword="flag")), "dbm.ndbm.open _dbm.open"
    ),
    {"shelve.open": Listed("external-effect", _DBM, mode_writes(1, "w", "flag"))},
    entries(_window, "curses.initscr curses.wrapper"),
    entries(_window, "play rec playrec Stream InputStream OutputStream", "sounddevice."),
    entries(_window, "pyaudio.PyAudio"),
)

MODULES: Final = merged(
    entries(_process, "multiprocessing pathos billiard torch.multiprocessing pqdm"),
    entries(_stays, "gc.callbacks sys.monitoring"),
    entries(
        _interpreter,
        "_xxsubinterpreters _interpreters concurrent.interpreters _testcapi _testinternalcapi",
    ),
    # `yfinance` goes by `curl_cffi`.
    entries(_connect, "curl_cffi yfinance google.cloud"),
    entries(Listed("external-effect", _CALL), "ctypes.pythonapi"),
    entries(_window, "tkinter turtle pyautogui pynput pygame.display RPi.GPIO"),
)

STORES: Final = {
    "builtins": Listed("external-effect", "is changed for the kernel's own threads, too")
}

METHODS: Final = merged(
    entries(Listed("external-effect", "loads a native library"), "dlopen"),
    entries(
        Listed("external-effect", "says itself what a database may do, which nothing holds then"),
        "set_authorizer",
    ),
)
