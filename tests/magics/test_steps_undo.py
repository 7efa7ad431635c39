"""``%eager undo`` after a cell of several steps: all that the cell has done to files."""

from __future__ import annotations

from pathlib import Path

import pytest

from eager_kernel.execution import plain_files
from eager_kernel.testing.wire import WireStream
from tests.execution.journalled import furnish, kinds, state_of
from tests.magics.notebook import Notebook, begin, heard_text, interrupt

pytestmark = pytest.mark.skipif(not plain_files.can_journal(), reason="files wait on this system")
