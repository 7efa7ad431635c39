"""Jupyter's own conformance suite for kernels, through the warm and the locked-in kernelspec."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.kernel import test_conformance
from tests.sandbox.conftest import found, needs_sandbox

__all__ = ["found", "needs_sandbox"]  # fixtures


class Elsewhere(test_conformance.TestEagerKernel):
    """In a folder of its own, which a kernel that is locked in may change."""

    __test__ = False

    @classmethod
    def setUpClass(cls) -> None:
        cls.before = Path.cwd()
        cls.folder = tempfile.TemporaryDirectory()
        os.chdir(cls.folder.name)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        os.chdir(cls.before)
        cls.folder.cleanup()


@pytest.mark.usefixtures("specs")
class TestWarmKernel(Elsewhere):
    __test__ = True
    kernel_name = "eager_python_warm"


@pytest.mark.usefixtures("needs_sandbox", "specs")
class TestSandboxedKernel(Elsewhere):
    __test__ = True
    kernel_name = "eager_python_both"
