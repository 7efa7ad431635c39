"""Effects that no audit event shows: system calls without one, and writers in native code.

CPython raises ``open`` for `io.open` and `os.open`, not for the ``fopen`` of a C, C++ or Rust
library. What opens its file in Python (`numpy.save`, `DataFrame.to_csv`, ``Image.save``,
``plt.savefig``, `joblib.dump`) is not listed here: it can be held at the effect itself.
Which is which was found by running most of these writers under an audit hook.
"""

from __future__ import annotations

from typing import Final

from eager_kernel.core.gating.checks import (
    ends_with,
    entries,
    file_not_in_memory,
    given,
    merged,
    mode_writes,
    not_in_memory,
    sql_writes,
    to_disk,
)
from eager_kernel.core.rules import MEMORY, Listed

_NATIVE: Final = "writes in native code, where nothing can hold it at the effect"
_SYSTEM: Final = "changes the system, and no audit event shows it"
_PROCESS: Final = "works in other processes, where nothing can hold its effects"
_CONNECT: Final = "connects in native code, where nothing can hold it at the effect"
_EXIT: Final = "leaves work for the end of the process, even if the program turns out broken"
_CALL: Final = "calls native code, where nothing can hold an effect"
_WINDOW: Final = "opens a window or drives a device in native code"

_native = Listed("external-effect", _NATIVE, to_disk)
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
        " setns unshare _exit abort",
        "os.",
    ),
    entries(_system, "readline.write_history_file readline.append_history_file"),
    entries(_exit, "atexit.register atexit.unregister weakref.finalize"),
    # Processes. `os.fork` and `subprocess` raise an event; semaphores, shared memory and the
    # processes that are made with `_posixsubprocess.fork_exec` do not.
    entries(_process, "joblib.Parallel dask.distributed.Client distributed.Client"),
    # Databases and connections of native libraries. Pure Python ones use `socket`.
    entries(
        _connect,
        "psycopg2.connect psycopg.connect psycopg.Connection.connect pyodbc.connect"
        " MySQLdb.connect mysql.connector.connect cx_Oracle.connect lmdb.open"
        " plyvel.DB zmq.Context().socket grpc.insecure_channel grpc.secure_channel"
        " grpc.aio.insecure_channel grpc.aio.secure_channel pycurl.Curl uvloop.install"
        " uvloop.run",
    ),
    {"apsw.Connection": Listed("external-effect", _CONNECT, not_in_memory, otherwise=MEMORY)},
    {"duckdb.connect": Listed("external-effect", _CONNECT, file_not_in_memory)},
    entries(
        Listed("external-effect", _NATIVE, sql_writes),
        "duckdb.sql duckdb.query duckdb.execute duckdb.connect().sql duckdb.connect().execute",
    ),
    entries(Listed("external-effect", _NATIVE, mode_writes()), "dbm.open dbm.gnu.open"),
    {"dbm.ndbm.open": Listed("external-effect", _NATIVE, mode_writes(keyword="flag"))},
    {"shelve.open": Listed("external-effect", _NATIVE, mode_writes(1, "w", "flag"))},
    # Native writers.
    entries(
        Listed("external-effect", _NATIVE, mode_writes()),
        "h5py.File netCDF4.Dataset tables.open_file rasterio.open fiona.open"
        " soundfile.SoundFile pyarrow.OSFile pyarrow.memory_map",
    ),
    {"pandas.HDFStore": Listed("external-effect", _NATIVE, mode_writes(1, "a"))},
    entries(_native, "imwrite imwritemulti VideoWriter", "cv2."),
    entries(_window, "imshow namedWindow", "cv2."),
    entries(
        _native,
        "save jit.save jit.script().save jit.trace().save onnx.export export.save",
        "torch.",
    ),
    entries(_native, "torchaudio.save"),
    entries(_native, "write_jpeg write_png write_video write_file", "torchvision.io."),
    entries(
        _native,
        "torch.save_file torch.save_model numpy.save_file flax.save_file tensorflow.save_file"
        " serialize_file",
        "safetensors.",
    ),
    entries(
        _native,
        "parquet.write_table parquet.write_to_dataset parquet.write_metadata"
        " parquet.ParquetWriter feather.write_feather orc.write_table orc.ORCWriter"
        " csv.write_csv csv.CSVWriter dataset.write_dataset ipc.new_file ipc.new_stream"
        " create_memory_map",
        "pyarrow.",
    ),
    entries(
        _native,
        "saved_model.save io.write_file io.write_graph io.TFRecordWriter io.gfile.GFile"
        " io.gfile.copy io.gfile.makedirs io.gfile.mkdir io.gfile.remove io.gfile.rename"
        " io.gfile.rmtree summary.create_file_writer train.Checkpoint().save"
        " train.Checkpoint().write train.CheckpointManager().save",
        "tensorflow.",
    ),
    entries(
        _native,
        "models.save_model saving.save_model callbacks.ModelCheckpoint callbacks.TensorBoard"
        " callbacks.BackupAndRestore",
        "keras.",
    ),
    entries(_native, "soundfile.write faiss.write_index annoy.AnnoyIndex().save"),
    entries(_native, "sentencepiece.SentencePieceTrainer.train tokenizers.Tokenizer().save"),
    entries(_native, "sentencepiece.SentencePieceTrainer.Train"),
    entries(_native, "parse().write ElementTree().write xmlfile htmlfile", "lxml.etree."),
    entries(_native, "Translate Warp GetDriverByName VectorTranslate", "osgeo.gdal."),
    entries(_native, "osgeo.ogr.GetDriverByName SimpleITK.WriteImage itk.imwrite"),
    entries(_native, "rdkit.Chem.SDWriter rdkit.Chem.MolToMolFile rdkit.Chem.Draw.MolToFile"),
    entries(_native, "cairo.PDFSurface cairo.SVGSurface cairo.PSSurface"),
    entries(_native, "fitz.open().save pymupdf.open().save pyreadstat.write_sav"),
    entries(_native, "pyreadstat.write_dta pyreadstat.write_xport pyreadstat.write_por"),
    entries(
        _native,
        "write_point_cloud write_triangle_mesh write_line_set write_image write_voxel_grid",
        "open3d.io.",
    ),
    entries(_native, "write write_h5ad write_loom write_zarr", "anndata.AnnData()."),
    entries(_native, "scanpy.write"),
    entries(
        Listed("external-effect", _NATIVE, given(9, "write_to")),  # never by position
        "svg2png svg2pdf svg2ps svg2eps svg2svg",
        "cairosvg.",
    ),
    entries(_window, "curses.initscr curses.wrapper"),
    entries(_window, "play rec playrec Stream InputStream OutputStream", "sounddevice."),
    entries(_window, "pyaudio.PyAudio"),
)

MODULES: Final = merged(
    entries(_process, "multiprocessing pathos billiard"),
    # `yfinance` goes by `curl_cffi`.
    entries(_connect, "curl_cffi yfinance google.cloud"),
    entries(Listed("external-effect", _CALL), "ctypes.pythonapi"),
    entries(_window, "tkinter turtle pyautogui pynput pygame.display RPi.GPIO"),
)

METHODS: Final = merged(
    # No other object has methods of these names, or it writes too. `pandas` opens the file of
    # ``to_feather`` in Python, `geopandas` does not; ``to_orc`` is left out, as nobody else has it.
    entries(
        _native,
        "to_parquet to_feather to_hdf to_netcdf to_zarr to_file to_gbq to_delta"
        " write_parquet write_ipc write_csv write_avro write_json write_ndjson write_delta"
        " write_database sink_parquet sink_csv sink_ipc sink_ndjson save_model save_index"
        " write_index write_to_png write_to_file write_h5ad write_loom",
    ),
    # A ``.save`` with an unknown suffix is far more often an image or a workbook, which are
    # written in Python, than a model.
    entries(
        Listed("external-effect", _NATIVE, ends_with(".h5", ".hdf5"), ("h5", "hdf5")),
        "save save_weights",
    ),
    {"write": Listed("external-effect", _NATIVE, ends_with(".h5ad"), ("h5ad",))},
    entries(Listed("external-effect", "loads a native library", None), "dlopen"),
)
