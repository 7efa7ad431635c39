"""Small programs to measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from eager_kernel.bench.programs import ProgramSet, load_programs

ANSWER = """\
Here is the sum of the numbers:

```python
import json

numbers = json.load(open("data/numbers.json"))
print(sum(numbers))
```

The list has a few numbers only.
"""
SCRIPT = """\
def main():
    total = 0
    for number in range(1000):
        total += number
    print(total)


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two programs with data, one kind told."""
    folder = tmp_path / "mine"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "numbers.json").write_text("[1, 2, 3]")
    (folder / "answer.md").write_text(ANSWER)
    (folder / "script.py").write_text(SCRIPT)
    (folder / "programs.toml").write_text('["script.py"]\nkind = "main"\nwork = "main"\n')
    return folder


@pytest.fixture
def programs(folder: Path) -> ProgramSet:
    """The programs of the folder."""
    return load_programs(folder)
