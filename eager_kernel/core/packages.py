"""Which package brings a module that a program wants, and that is not there."""

from __future__ import annotations

import re
from typing import Final


def how_to_install(ename: str, evalue: str) -> str:
    """Say how to have a module that a program could not import.

    Parameters
    ----------
    ename, evalue
        The error's name and what it says.

    Returns
    -------
    str
        A sentence with the line to type; empty for any other error. For a module that is not
        known to this list no package is named: a model makes up names, and who knows what is
        published under them.
    """
    if ename != "ModuleNotFoundError":
        return ""
    found = _MISSING.search(evalue)
    package = None if found is None else _PACKAGES.get(found[1])
    if package is None:
        return ""
    return f"To install it: %pip install {package} in a cell of its own; then run this one again"


_MISSING: Final = re.compile(r"No module named '([A-Za-z_]\w*)(?:\.[\w.]*)?'")
_OTHER_NAMES: Final = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_SAME_NAMES: Final = """
    altair bokeh dask duckdb flask geopandas h5py httpx ipywidgets joblib lightgbm lxml matplotlib
    networkx nltk numba numpy openpyxl pandas plotly polars psutil pyarrow pydantic requests scipy
    seaborn shapely spacy sqlalchemy statsmodels sympy tabulate tensorflow torch tqdm transformers
    xarray xgboost
"""
_PACKAGES: Final = {name: name for name in _SAME_NAMES.split()} | _OTHER_NAMES
