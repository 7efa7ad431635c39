"""Writers and readers in native code, where no audit event shows a file or a connection.

CPython raises ``open`` for `io.open` and `os.open`, not for the ``fopen`` of a C, C++ or Rust
library. What opens its file in Python (`numpy.save`, `DataFrame.to_csv`, ``Image.save``,
``plt.savefig``, `joblib.dump`) is not listed here: it can be held at the effect itself. Which is
which was found by running the writers under the barrier (``benchmarks/writers.py``).

A list of writers is never complete. So of the libraries whose files are native all through, not
their writers are listed but the names that writers have: the next release's will have them, too.
"""

from __future__ import annotations

import re
from typing import Final

from eager_kernel.core.gating.argument_checks import (
    URL_WORDS,
    any_of,
    ends_with,
    entries,
    file_not_in_memory,
    from_url,
    given,
    merged,
    mode_writes,
    name_items,
    sql_writes,
    to_disk,
    to_file,
)
from eager_kernel.core.rules import Listed

_NATIVE: Final = "writes in native code, where nothing can hold it at the effect"
_NETWORK: Final = "reads over the network in native code, where nothing can hold it"
_CONNECT: Final = "connects in native code, where nothing can hold it at the effect"
_CACHE: Final = "uses files of its own, in native code, where nothing can hold them at the effect"

_native = Listed("external-effect", _NATIVE, to_disk)
_named = Listed("external-effect", _NATIVE, to_file)
_network = Listed("external-effect", _NETWORK, from_url, URL_WORDS)
_connect = Listed("external-effect", _CONNECT)
_moded = Listed("external-effect", _NATIVE, any_of(mode_writes(), from_url))
_sql = Listed("external-effect", _NATIVE, sql_writes)


def _if_given(position: int, keyword: str) -> Listed:
    return Listed("external-effect", _NATIVE, given(position, keyword))


LIBRARIES: Final = frozenset(
    name_items("""
        SimpleITK adbc_driver_sqlite anndata annoy apsw av blosc2 cairo catboost cv2 deltalake
        duckdb fastparquet faiss fiona fitz h5netcdf h5py hnswlib ibis igraph itk lance lancedb lmdb
        lxml netCDF4 nmslib onnxruntime open3d osgeo plyvel polars pyarrow pymupdf pyogrio
        pyreadstat pysam pyvips rasterio rdkit rocksdict safetensors sentencepiece soundfile tables
        tensorstore tiledb tokenizers torchaudio vaex vtk vtkmodules
        PySide6 PyQt5 PyQt6
    """)
)
"""Libraries that write in native code whatever they write."""

WRITES: Final = re.compile(
    r"""
    (?: ez_ | pil_ | fast_ | im )? (?: write | save | dump | sink | serialize | export )
        (?: s | [_A-Z0-9] \w* | multi | animation )?
    | (?: create | make | delete | remove | move | copy | rename )
        _ (?: dir | dirs | file | files | folder | path | database | table ) \w*
    | open_ (?: output | append ) \w* | output_stream | create_memory_map
    | Write \w* | Mol\w*To\w*File | \w* Writer | new_ (?: file | stream )
    | to_ (?: csv | parquet | json | file | feather | hdf | netcdf | zarr | delta | disk | excel )
    """,
    re.VERBOSE,
)
"""Names that writers have in them."""

OF_LIBRARIES: Final = Listed("external-effect", _NATIVE, to_file)

# Names that look like a writer's and are none.
READS: Final = frozenset(
    name_items("""
        cv2.VideoWriter_fourcc cv2.VideoWriter.fourcc pyarrow.serialize polars.Config.save
        lxml.etree.dump xgboost.Booster().save_config safetensors.serialize
        safetensors.numpy.save safetensors.torch.save safetensors.flax.save onnx.serialize
    """)
)

USES: Final = merged(
    # Files that are opened.
    entries(
        _moded,
        "h5py.File netCDF4.Dataset netCDF4.MFDataset tables.open_file tables.File rasterio.open"
        " fiona.open av.open pysam.AlignmentFile pysam.Samfile pysam.VariantFile pysam.BGZFile"
        " soundfile.SoundFile pyarrow.OSFile pyarrow.memory_map h5netcdf.File"
        " h5netcdf.legacyapi.Dataset",
    ),
    {"pandas.HDFStore": Listed("external-effect", _NATIVE, mode_writes(1, "a"))},
    entries(_native, "h5py.h5f.create h5py.h5f.mount"),
    {"h5py.h5f.open": _if_given(1, "flags")},
    {"cv2.FileStorage": _if_given(1, "flags")},
    entries(_native, "cv2.VideoWriter().open cv2.FileStorage().open"),
    entries(
        Listed("external-effect", _NATIVE), "cairo.PDFSurface cairo.SVGSurface cairo.PSSurface"
    ),
    entries(
        _native, "PySide6.QtCore.QFile().open PyQt6.QtCore.QFile().open PyQt5.QtCore.QFile().open"
    ),
    entries(_native, "PySide6.QtCore.QProcess PyQt6.QtCore.QProcess PyQt5.QtCore.QProcess"),
    entries(_native, "PySide6.QtCore.QProcess.startDetached PyQt6.QtCore.QProcess.startDetached"),
    entries(_native, "PySide6.QtCore.QSaveFile PyQt6.QtCore.QSaveFile PySide6.QtCore.QSettings"),
    # Files that are given a name.
    entries(
        Listed("external-effect", _NATIVE, given(9, "urlpath")),  # hardly by position
        " ".join(
            f"blosc2.{name}"
            for name in name_items("""
                SChunk arange array asarray copy empty empty_like full full_like fromiter frombuffer
                from_cframe linspace nans ones ones_like open pack_tensor schunk_from_cframe uninit
                zeros zeros_like concat stack lazyexpr().compute LazyExpr().compute NDArray().copy
                asarray().copy TreeStore DictStore EmbedStore
            """)
        ),
    ),
    entries(_named, "blosc2.TreeStore blosc2.DictStore blosc2.remove_urlpath"),
    entries(_native, "blosc2.open().append_data blosc2.open().update_data"),
    entries(
        _native,
        "save jit.save jit.script().save jit.trace().save onnx.export export.save"
        " UntypedStorage.from_file from_file FloatStorage.from_file _C.PyTorchFileWriter"
        " profiler.profile().export_chrome_trace profiler.profile().export_stacks"
        " autograd.profiler.profile().export_chrome_trace distributed.checkpoint.save",
        "torch.",
    ),
    entries(_native, "write_jpeg write_png write_video write_file", "torchvision.io."),
    entries(
        _native,
        "torch.save_file torch.save_model numpy.save_file flax.save_file tensorflow.save_file"
        " serialize_file",
        "safetensors.",
    ),
    entries(
        _native,
        "saved_model.save io.write_file io.write_graph io.TFRecordWriter io.gfile.GFile"
        " io.gfile.copy io.gfile.makedirs io.gfile.mkdir io.gfile.remove io.gfile.rename"
        " io.gfile.rmtree summary.create_file_writer train.Checkpoint().save"
        " train.Checkpoint().write train.CheckpointManager().save io.matching_files"
        " data.Dataset.range().save data.Dataset.from_tensor_slices().save"
        " data.experimental.save debugging.experimental.enable_dump_debug_info"
        " profiler.experimental.start summary.trace_export",
        "tensorflow.",
    ),
    entries(
        _native,
        "models.save_model saving.save_model callbacks.ModelCheckpoint callbacks.TensorBoard"
        " callbacks.BackupAndRestore callbacks.CSVLogger Sequential().export Model().export",
        "keras.",
    ),
    entries(
        Listed("external-effect", _CACHE, to_file),
        "cache snapshot",
        "tensorflow.data.Dataset.range().",
    ),
    entries(
        _named,
        "train Train",
        "sentencepiece.SentencePieceTrainer.",
    ),
    entries(_native, "Translate Warp GetDriverByName VectorTranslate", "osgeo.gdal."),
    entries(_native, "osgeo.ogr.GetDriverByName"),
    entries(_native, "SimpleITK.ImageFileWriter().Execute"),
    entries(_native, "faiss.FileIOWriter faiss.OnDiskInvertedLists"),
    entries(_native, "annoy.AnnoyIndex().on_disk_build"),
    entries(_native, "anndata.AnnData().write scanpy.write anndata.io.write_elem"),
    entries(_native, "pysam.tabix_compress pysam.tabix_index pysam.faidx pysam.index pysam.sort"),
    entries(Listed("external-effect", _NATIVE), "pysam.samtools pysam.bcftools"),
    entries(_native, "xmlfile htmlfile XSLT()().write_output", "lxml.etree."),
    entries(
        Listed("external-effect", _NATIVE, given(9, "write_to")),  # never by position
        "svg2png svg2pdf svg2ps svg2eps svg2svg",
        "cairosvg.",
    ),
    # Written by fitting.
    entries(
        Listed("external-effect", _CACHE),
        "fit CatBoost().fit CatBoostClassifier().fit CatBoostRegressor().fit CatBoostRanker().fit"
        " train cv",
        "catboost.",
    ),
    entries(_native, "deltalake.DeltaTable.create deltalake.write_deltalake"),
    entries(_native, "chromadb.PersistentClient qdrant_client.QdrantClient"),
    # Databases.
    {"duckdb.connect": Listed("external-effect", _CONNECT, file_not_in_memory)},
    {"ibis.duckdb.connect": Listed("external-effect", _CONNECT, file_not_in_memory)},
    entries(
        _sql,
        " ".join(
            f"duckdb.{owner}{method}"
            for owner in ("", "connect().")
            for method in name_items("sql query execute executemany from_query extract_statements")
        ),
    ),
    entries(_sql, "ibis.duckdb.connect().raw_sql ibis.duckdb.connect().sql"),
    entries(_connect, "lmdb.open lmdb.Environment plyvel.DB"),
    # Reading over the network.
    entries(
        _network,
        "read_csv read_csv_batched read_json read_ndjson read_parquet read_parquet_schema read_ipc"
        " read_ipc_stream read_avro read_delta read_excel read_database_uri scan_csv scan_parquet"
        " scan_ipc scan_ndjson scan_delta scan_iceberg scan_lines",
        "polars.",
    ),
    entries(_connect, "polars.read_database_uri connectorx.read_sql"),
    entries(
        _network,
        "parquet.read_table parquet.ParquetFile parquet.ParquetDataset parquet.read_schema"
        " parquet.read_metadata dataset.dataset dataset.parquet_dataset fs.FileSystem.from_uri"
        " orc.read_table",
        "pyarrow.",
    ),
    entries(
        _connect,
        "fs.S3FileSystem fs.GcsFileSystem fs.HadoopFileSystem fs.AzureFileSystem"
        " fs.resolve_s3_region flight.connect flight.FlightClient",
        "pyarrow.",
    ),
    entries(_network, "deltalake.DeltaTable lance.dataset lancedb.connect cv2.VideoCapture"),
    entries(
        _network, "open_dataset open_mfdataset open_dataarray open_datatree load_dataset", "xarray."
    ),
    entries(
        _network, "pyogrio.read_dataframe pyogrio.read_arrow pyogrio.read_info osgeo.gdal.Open"
    ),
    entries(_network, "geopandas.read_file lxml.etree.parse lxml.etree.iterparse lxml.html.parse"),
)


METHODS: Final = merged(
    # No other object has methods of these names, or it writes too. `pandas` opens the file of
    # ``to_feather`` in Python, `geopandas` does not; ``to_orc`` is left out, as nobody else has it.
    entries(_named, "to_feather to_hdf to_zarr to_file to_gbq to_delta write_parquet write_ipc"),
    entries(_named, "write_ipc_stream write_avro write_ndjson write_delta write_database"),
    entries(_named, "sink_parquet sink_csv sink_ipc sink_ndjson sink_delta sink_batches"),
    entries(_named, "save_model save_index write_index write_to_png write_to_file write_h5ad"),
    entries(_named, "write_loom ez_save pil_save save_binary dump_model save_borders export_hdf5"),
    entries(_named, "write_c14n write_output on_disk_build"),
    entries(_if_given(0, "path"), "to_parquet to_netcdf"),
    entries(_if_given(0, "file"), "write_csv write_json"),
    # A ``.save`` with an unknown suffix is far more often an image or a workbook, which are
    # written in Python, than a model.
    entries(
        Listed("external-effect", _NATIVE, ends_with(".h5", ".hdf5"), ("h5", "hdf5")),
        "save save_weights",
    ),
    {"write": Listed("external-effect", _NATIVE, ends_with(".h5ad"), ("h5ad",))},
)
