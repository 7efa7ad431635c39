"""External effects by name, for the mode ``static``, where no barrier sees them.

Only what changes something outside counts, and what goes over a network; reading a file does
not. The tables would rather miss a method than hold a harmless one: ``rename``, ``replace``,
``write``, ``update``, ``dump``, ``connect``, ``execute``, ``get`` and ``post`` are methods of
too many objects that touch nothing. A file written to was opened for it, which counts.
"""

from __future__ import annotations

from typing import Final

from eager_kernel.core.gating.argument_checks import (
    URL_WORDS,
    entries,
    first_is_no_flag,
    from_url,
    given,
    merged,
    mode_writes,
    name_items,
    not_in_memory,
    to_disk,
    to_file,
)
from eager_kernel.core.rules import MEMORY, Listed

_FILES: Final = "changes files"
_PROCESS: Final = "starts or drives other processes"
_NETWORK: Final = "uses the network"
_DATABASE: Final = "uses a database"
_ENVIRONMENT: Final = "changes the process's environment"
_LIBRARY: Final = "loads a native library"
_CODE: Final = "runs code that the gate can't see"
_SHELL: Final = "runs a shell command or a magic"

_files = Listed("external-effect", _FILES, to_disk)
_process = Listed("external-effect", _PROCESS)
_network = Listed("external-effect", _NETWORK)
_database = Listed("external-effect", _DATABASE, to_disk)
_environment = Listed("external-effect", _ENVIRONMENT)
_library = Listed("external-effect", _LIBRARY)
_code = Listed("dynamic", _CODE)


def _opens(position: int = 1, default: str = "r") -> Listed:
    return Listed("external-effect", _FILES, mode_writes(position, default))


def _writes_to(keyword: str, position: int = 0) -> Listed:
    return Listed("external-effect", _FILES, given(position, keyword))


USES: Final = merged(
    entries(_opens(), "builtins.open os.fdopen io.FileIO zipfile.ZipFile zipfile.PyZipFile"),
    entries(_opens(), "tarfile.open tarfile.TarFile tarfile.TarFile.open numpy.memmap"),
    entries(_opens(), "gzip.open gzip.GzipFile bz2.open bz2.BZ2File lzma.open lzma.LZMAFile"),
    entries(_opens(), "aifc.open wave.open imageio.v3.imopen"),
    {"pathlib.Path().open": _opens(0), "pathlib.Path.open": _opens(1)},
    {"os.open": Listed("external-effect", _FILES, first_is_no_flag("O_RDONLY"))},
    entries(
        _files,
        "remove unlink rename renames replace rmdir removedirs mkdir makedirs link symlink chmod"
        " fchmod lchmod chown fchown lchown chflags lchflags truncate ftruncate utime setxattr"
        " removexattr",
        "os.",
    ),
    entries(_environment, "chdir fchdir putenv unsetenv", "os."),
    entries(
        _environment,
        "update setdefault pop popitem clear __setitem__ __delitem__",
        "os.environ.",
    ),
    entries(
        _process,
        "system popen fork forkpty kill killpg startfile posix_spawn posix_spawnp execl execle"
        " execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp spawnlpe spawnv"
        " spawnve spawnvp spawnvpe",
        "os.",
    ),
    entries(
        _files,
        "copy copy2 copyfile copymode copystat copytree rmtree move make_archive"
        " unpack_archive chown",
        "shutil.",
    ),
    entries(
        _files,
        "write_text write_bytes unlink rename replace mkdir rmdir touch symlink_to hardlink_to"
        " link_to chmod lchmod copy copy_into move move_into",
        "pathlib.Path().",
    ),
    entries(
        _files,
        "write_text write_bytes unlink rename replace mkdir rmdir touch symlink_to",
        "pathlib.Path.",
    ),
    entries(
        _files,
        "NamedTemporaryFile TemporaryFile SpooledTemporaryFile TemporaryDirectory mkstemp"
        " mkdtemp mktemp",
        "tempfile.",
    ),
    {"fileinput.input": Listed("external-effect", _FILES, given(1, "inplace"))},
    entries(_files, "py_compile.compile compileall.compile_dir compileall.compile_file"),
    {"logging.basicConfig": Listed("external-effect", _FILES, given(9, "filename"))},
    entries(_files, "FileHandler handlers.RotatingFileHandler config.dictConfig", "logging."),
    entries(_files, "handlers.TimedRotatingFileHandler handlers.WatchedFileHandler", "logging."),
    entries(_network, "SocketHandler DatagramHandler SMTPHandler HTTPHandler", "logging.handlers."),
    entries(
        _network,
        "socket create_connection create_server getaddrinfo gethostbyname gethostbyname_ex"
        " gethostbyaddr getnameinfo getfqdn socketpair fromfd",
        "socket.",
    ),
    entries(_network, "urlopen urlretrieve urlcleanup", "urllib.request."),
    entries(_network, "open_connection start_server create_subprocess_exec", "asyncio."),
    entries(_process, "asyncio.create_subprocess_shell pty.spawn webbrowser.open"),
    {"sqlite3.connect": Listed("external-effect", _DATABASE, not_in_memory, otherwise=MEMORY)},
    entries(
        _database,
        "sqlalchemy.create_engine pymongo.MongoClient redis.Redis redis.StrictRedis"
        " redis.from_url pymysql.connect oracledb.connect",
    ),
    entries(_library, "CDLL PyDLL OleDLL WinDLL", "ctypes."),
    entries(_network, "flask.Flask().run seaborn.load_dataset datasets.load_dataset"),
    entries(_network, "nltk.download feedparser.parse"),
    entries(
        _network,
        "fetch_openml fetch_california_housing fetch_20newsgroups fetch_covtype fetch_lfw_people"
        " fetch_lfw_pairs fetch_olivetti_faces fetch_kddcup99 fetch_rcv1",
        "sklearn.datasets.",
    ),
    entries(
        Listed("external-effect", _NETWORK, from_url, URL_WORDS),
        "pandas.read_csv pandas.read_table pandas.read_fwf pandas.read_json pandas.read_html"
        " pandas.read_excel pandas.read_xml pandas.read_parquet pandas.read_feather"
        " pandas.read_pickle polars.read_csv polars.read_json polars.read_parquet"
        " polars.scan_csv polars.scan_parquet geopandas.read_file numpy.loadtxt"
        " numpy.genfromtxt skimage.io.imread imageio.imread imageio.v3.imread",
    ),
    # Libraries that write what they are given a name for.
    entries(_files, "save savez savez_compressed savetxt", "numpy."),
    entries(_files, "pyplot.savefig pyplot.imsave image.imsave", "matplotlib."),
    entries(_files, "savemat mmwrite hb_write wavfile.write", "scipy.io."),
    entries(_files, "joblib.dump onnx.save onnx.save_model torchvision.utils.save_image"),
    entries(_files, "imageio.imwrite imageio.imsave imageio.mimsave imageio.mimwrite"),
    entries(_files, "imageio.get_writer imageio.v2.imwrite imageio.v2.mimsave"),
    entries(_files, "imageio.v3.imwrite skimage.io.imsave tifffile.imwrite"),
    entries(
        _files,
        "write_gml write_graphml write_gexf write_edgelist write_adjlist write_gpickle"
        " write_weighted_edgelist write_pajek",
        "networkx.",
    ),
    entries(_files, "write_html write_image write_json", "plotly.io."),
    entries(_files, "xml.etree.ElementTree.ElementTree().write"),
    entries(_files, "xml.etree.ElementTree.parse().write pandas.ExcelWriter"),
    entries(
        Listed("external-effect", _SHELL),
        "system getoutput getoutput run_line_magic run_cell_magic magic run_cell",
        "IPython.get_ipython().",
    ),
)

DYNAMIC: Final = merged(
    entries(_code, "builtins.exec builtins.eval builtins.compile importlib.import_module"),
    entries(_code, "runpy.run_path runpy.run_module code.interact importlib.reload"),
    {"importlib.__import__": _code, "builtins.__import__": _code},
)

MODULES: Final = merged(
    entries(_process, "subprocess pexpect"),
    entries(
        _network,
        "requests httpx aiohttp urllib3 http.client http.server socketserver smtplib ftplib"
        " poplib imaplib nntplib telnetlib xmlrpc.client xmlrpc.server paramiko websockets"
        " websocket boto3 botocore huggingface_hub wandb mlflow uvicorn hypercorn arxiv wikipedia"
        " gdown selenium.webdriver",
    ),
    entries(_library, "ctypes.cdll ctypes.windll ctypes.pythonapi"),
)

METHODS: Final = merged(
    # Without a name these return the text.
    entries(_writes_to("path_or_buf"), "to_csv to_json"),
    entries(_writes_to("buf"), "to_html to_latex to_markdown"),
    entries(_writes_to("path_or_buffer"), "to_xml"),
    entries(_files, "to_excel to_orc to_pickle to_stata to_clipboard tofile"),
    entries(_database, "to_sql commit"),
    entries(_files, "savefig write_text write_bytes write_html write_image write_videofile"),
    entries(_files, "unlink mkdir rmdir rmtree symlink_to hardlink_to extractall"),
    # Images, workbooks, documents, models: what has a `save` with a name writes there.
    entries(Listed("external-effect", _FILES, to_file), "save save_weights"),
    entries(_files, "save_pretrained"),
    entries(_network, "push_to_hub sendall sendto urlretrieve urlopen"),
    entries(_process, "check_output check_call Popen launch getOrCreate"),
    entries(_network, "serve_forever"),
    entries(_files, "drawToFile"),
    entries(_writes_to("path"), "screenshot"),
)

STORES: Final = {"os.environ": _environment}

READS: Final = frozenset(
    # Of modules every call into which counts, what only computes.
    name_items("""
        requests.Request requests.codes requests.utils.quote requests.utils.unquote
        subprocess.list2cmdline
        multiprocessing.cpu_count multiprocessing.current_process multiprocessing.freeze_support
        multiprocessing.parent_process multiprocessing.get_logger
        multiprocessing.get_start_method multiprocessing.get_all_start_methods
        multiprocessing.set_start_method multiprocessing.set_executable
        multiprocessing.active_children multiprocessing.log_to_stderr
        multiprocessing.allow_connection_pickling multiprocessing.current_process().name
    """)
)
