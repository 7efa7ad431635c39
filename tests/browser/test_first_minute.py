"""The README's first minute, in an empty environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import browser

SCRIPT = Path(__file__).parents[1] / "first_minute.py"


@pytest.mark.timeout(900)
def test_the_first_minute_is_as_the_readme_says() -> None:
    pytest.importorskip("playwright")
    browser()  # or skip
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False, timeout=850
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the report is shown" in done.stdout
