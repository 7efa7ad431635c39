"""The programs of the benchmarks, and folders of others."""

from __future__ import annotations

import ast
import shutil
from collections import Counter
from pathlib import Path

import pytest

from eager_kernel.bench.programs import ProgramSet, load_programs
from eager_kernel.client import EagerClient
from eager_kernel.errors import EagerError

OWN = load_programs()


@pytest.mark.parametrize("program", OWN.programs, ids=lambda program: program.name)
def test_own_program(program: object) -> None:
    found = next(p for p in OWN.programs if p is program)
    ast.parse(found.code)
    assert found.code in found.text
    assert "".join(found.tokens) == found.text
    assert (found.kind and found.time) or pytest.fail("programs.toml does not tell of it")
    assert found.work in ("spread", "end", "main")


def test_the_set_is_not_chosen_to_please() -> None:
    works = Counter(program.work for program in OWN.programs)
    assert len(OWN.programs) >= 40
    assert works["end"] + works["main"] >= len(OWN.programs) / 3
    assert len({program.kind for program in OWN.programs}) >= 8


@pytest.mark.timeout(300)
def test_all_own_programs_run_to_their_end(tmp_path: Path) -> None:
    place = OWN.workplace.make()
    try:
        with EagerClient.start("python3", cwd=str(place)) as client:
            for program in OWN.programs:
                client.execute("%reset -f", store_history=False)
                result = client.execute(program.code)
                assert result.status == "ok", (program.name, result.error)
    finally:
        shutil.rmtree(place)


def test_data_are_the_same_each_time() -> None:
    made = [OWN.workplace.make() for _ in range(2)]
    try:
        files = [sorted(path.name for path in (place / "data").iterdir()) for place in made]
        assert files[0] == files[1]
        assert "sales.csv" in files[0]
        assert (made[0] / "data" / "sales.csv").read_text().startswith("order_id,date,")
    finally:
        for place in made:
            shutil.rmtree(place)


def test_a_folder_of_ones_own(programs: ProgramSet) -> None:
    answer, script = programs.programs
    assert (answer.name, answer.format, answer.kind) == ("answer.md", "auto", "")
    assert (script.name, script.format, script.kind, script.work) == (
        "script.py", "python", "main", "main",
    )  # fmt: skip
    assert answer.code.startswith("import json\n")
    assert script.code == script.text
    place = programs.workplace.make()
    assert (place / "data" / "numbers.json").read_text() == "[1, 2, 3]"
    shutil.rmtree(place)


def test_data_made_by_a_script(folder: Path) -> None:
    (folder / "make_data.py").write_text(
        "from pathlib import Path\nPath('data/made.txt').write_text('made')\n"
    )
    programs = load_programs(folder)
    assert len(programs.programs) == 2
    place = programs.workplace.make()
    assert (place / "data" / "made.txt").read_text() == "made"
    assert (place / "data" / "numbers.json").exists()
    shutil.rmtree(place)


def test_a_script_that_fails(folder: Path) -> None:
    (folder / "make_data.py").write_text("raise RuntimeError('no data')\n")
    with pytest.raises(EagerError, match=r"make_data.py failed:[\s\S]*no data"):
        load_programs(folder).workplace.make()


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(EagerError, match="no programs"):
        load_programs(tmp_path)


@pytest.mark.parametrize("text", ["[", "kind = 1\n"])
def test_a_table_of_contents_that_is_none(folder: Path, text: str) -> None:
    (folder / "programs.toml").write_text(text)
    with pytest.raises(EagerError, match=r"programs\.toml"):
        load_programs(folder)


def test_samples_are_of_all_kinds() -> None:
    kinds = {program.kind for program in OWN.programs}
    sample = OWN.sample(len(kinds) * 2)
    assert len(sample.programs) == len(kinds) * 2
    assert len({program.kind for program in sample.programs}) >= len(kinds) - 2
    assert OWN.sample(1000) is OWN
    assert OWN.sample(1).programs[0] in OWN.programs


def test_programs_by_name(programs: ProgramSet) -> None:
    assert [p.name for p in programs.only(["script.py"]).programs] == ["script.py"]
    with pytest.raises(EagerError, match=r"no program 'other.py'.*there are answer.md, script.py"):
        programs.only(["other.py"])
