"""Compare streams with the stock kernel: for the tests of this project and of others.

``python -m eager_kernel.testing FILE_OR_FOLDER`` runs a corpus, or notebooks, and prints the
differences.
"""

from eager_kernel.testing.laboratory import Comparison, Laboratory
from eager_kernel.testing.programs import SPLITS, Notebook, Program, load, load_notebooks

__all__ = ["SPLITS", "Comparison", "Laboratory", "Notebook", "Program", "load", "load_notebooks"]
