"""Jupyter's own conformance suite for kernels."""

from __future__ import annotations

import tempfile

import jupyter_kernel_test
import pytest


class TestEagerKernel(jupyter_kernel_test.KernelTests):
    kernel_name = "eager_python"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples = ["import = 7q"]
    code_page_something = "zip?"
    code_generate_error = "raise Exception"
    code_execute_result = [
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    ]
    code_display_data = [
        {"code": f"from IPython.display import *; display({kind}('x'))", "mime": mime}
        for kind, mime in (("HTML", "text/html"), ("Math", "text/latex"))
    ]
    code_history_pattern = "1?2*"
    # "range" fails on stock ipykernel too.
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "zip"

    @classmethod
    def setUpClass(cls) -> None:
        # Its searches count what is in the history: let there be only its own.
        cls.home = tempfile.TemporaryDirectory()
        cls.patch = pytest.MonkeyPatch()
        cls.patch.setenv("IPYTHONDIR", cls.home.name)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.patch.undo()
        cls.home.cleanup()

    code_clear_output = "from IPython.display import clear_output; clear_output()"
