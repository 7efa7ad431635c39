"""What is said of a module that a program could not import."""

from __future__ import annotations

import pytest

from eager_kernel.core.packages import how_to_install


@pytest.mark.parametrize(
    ("module", "package"),
    [("numpy", "numpy"), ("sklearn.linear_model", "scikit-learn"), ("cv2", "opencv-python")],
)
def test_a_known_module(module: str, package: str) -> None:
    said = how_to_install("ModuleNotFoundError", f"No module named '{module}'")
    assert f"%pip install {package} " in said


@pytest.mark.parametrize(
    ("ename", "evalue"),
    [
        ("ModuleNotFoundError", "No module named 'made_up_by_a_model'"),
        ("ModuleNotFoundError", "No module named 'numpy; rm -rf'"),
        ("ModuleNotFoundError", "numpy"),
        ("ImportError", "No module named 'numpy'"),
        ("KeyError", "No module named 'numpy'"),
    ],
)
def test_nothing_else_is_named(ename: str, evalue: str) -> None:
    assert how_to_install(ename, evalue) == ""
