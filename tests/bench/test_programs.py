"""The programs of the benchmarks, and folders of others."""

from __future__ import annotations

import ast
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from eager_kernel.bench.programs import SETS, Program, ProgramSet, load_programs, load_sets
from eager_kernel.bench.workplaces import identity
from eager_kernel.client import EagerClient
from eager_kernel.errors import EagerError
from tests.afresh import FORGET
from tests.equivalence.test_harness import notebook

OWN = load_programs()
WORKING = load_sets(("working",))
ALL = load_sets(tuple(SETS))


@pytest.mark.parametrize("program", ALL.programs, ids=lambda program: program.name)
def test_own_program(program: Program) -> None:
    for cell in program.cells:
        ast.parse(cell.code)
        assert cell.code
        assert all(line in cell.text for line in cell.code.splitlines())
        assert "".join(cell.tokens) == cell.text
    assert (program.kind and program.time) or pytest.fail("programs.toml does not tell of it")
    assert program.work in ("spread", "end", "main")
    assert program.seconds or pytest.fail("measured.json does not tell of it")


def test_the_light_set_is_not_chosen_to_please() -> None:
    works = Counter(program.work for program in OWN.programs)
    assert len(OWN.programs) >= 40
    assert works["end"] + works["main"] >= len(OWN.programs) / 3
    assert len({program.kind for program in OWN.programs}) >= 8


def test_the_working_set_has_what_agents_do() -> None:
    sessions = [program for program in WORKING.programs if len(program.cells) > 1]
    assert len(WORKING.programs) >= 40
    assert len(sessions) >= 10
    assert all(3 <= len(session.cells) <= 6 for session in sessions)
    assert len({program.kind for program in WORKING.programs}) >= 8
    shares = [program.share(100, 0.5) for program in WORKING.programs]
    assert all(shares)
    for least, most in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 1)):
        assert any(least <= (share or 0) < most for share in shares), (least, most)


@pytest.mark.timeout(300)
def test_all_light_programs_run_to_their_end() -> None:
    place = OWN.programs[0].workplace.make()
    try:
        with EagerClient.start("python3", cwd=str(place)) as client:
            for program in OWN.programs:
                client.execute(FORGET, store_history=False)
                (cell,) = program.cells
                result = client.execute(cell.code)
                assert result.status == "ok", (program.name, result.error)
    finally:
        shutil.rmtree(place)


def test_a_working_session_runs_to_its_end() -> None:
    # The quickest one that has data. All of them are run by `jupyter eager bench`.
    (session,) = WORKING.only(["bookshop_database"]).programs
    place = session.workplace.make()
    try:
        with EagerClient.start("python3", cwd=str(place)) as client:
            for cell in session.cells:
                result = client.execute(cell.code)
                assert result.status == "ok", (cell.name, result.error)
    finally:
        shutil.rmtree(place)


def test_data_are_the_same_each_time() -> None:
    made = [OWN.programs[0].workplace.make() for _ in range(2)]
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
    assert (answer.name, answer.kind, answer.seconds) == ("answer.md", "", None)
    assert (script.name, script.kind, script.work) == ("script.py", "main", "main")
    assert (answer.cells[0].format, script.cells[0].format) == ("auto", "python")
    assert answer.cells[0].code.startswith("import json\n")
    assert script.cells[0].code == script.cells[0].text
    place = answer.workplace.make()
    assert (place / "data" / "numbers.json").read_text() == "[1, 2, 3]"
    assert (place / "script.py").exists()  # others may import it
    assert not (place / "programs.toml").exists()
    shutil.rmtree(place)


def test_a_folder_of_sessions(tmp_path: Path) -> None:
    notebook(tmp_path / "one.ipynb", "import helper", "helper.x")
    (tmp_path / "helper.py").write_text("x = 1\n")
    (tmp_path / "table.csv").write_text("a\n1\n")
    (tmp_path / "programs.toml").write_text('["helper.py"]\nskip = true\n')
    cells = tmp_path / "cells"
    cells.mkdir()
    for name in ("2_then.md", "1_first.py", "10_no_order.txt", "README.md"):
        (cells / name).write_text("y = 2\n")
    (cells / "own.csv").write_text("b\n")
    notebook(tmp_path / "more" / "two.ipynb", "z = 3")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    found = {program.name: program for program in load_programs(tmp_path).programs}
    assert list(found) == ["cells", "more/two.ipynb", "one.ipynb"]
    one = found["one.ipynb"]
    assert [cell.name for cell in one.cells] == ["one.ipynb [2]", "one.ipynb [3]"]
    assert [cell.name for cell in found["cells"].cells] == ["cells/1_first.py", "cells/2_then.md"]
    place = one.workplace.make()
    assert sorted(path.name for path in place.iterdir()) == ["helper.py", "package", "table.csv"]
    shutil.rmtree(place)
    place = found["cells"].workplace.make()
    assert "own.csv" in {path.name for path in place.iterdir()}
    shutil.rmtree(place)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = notebook(tmp_path / "one.ipynb", "x = 1")
    with pytest.raises(EagerError, match=r"--only one\.ipynb"):
        load_programs(file)
    notebook(tmp_path / "empty.ipynb")  # has no program, and is no mistake
    assert [program.name for program in load_programs(tmp_path).programs] == ["one.ipynb"]
    (tmp_path / "torn.ipynb").write_text("{")
    with pytest.raises(EagerError, match=r'\["torn\.ipynb"\]'):
        load_programs(tmp_path)


def test_large_files_are_linked_and_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("eager_kernel.testing.files", "eager_kernel.bench.workplaces"):
        monkeypatch.setattr(f"{module}.COPIED_FILE", 100)
    monkeypatch.setattr("eager_kernel.testing.files._clone", lambda source, target: False)
    (tmp_path / "one.py").write_text("x\n")
    (tmp_path / "large.bin").write_bytes(bytes(200))
    (program,) = load_programs(tmp_path).programs
    place = program.workplace.make()
    assert (place / "large.bin").is_symlink()
    program.workplace.check()
    (place / "large.bin").write_bytes(b"spoiled")
    with pytest.raises(EagerError, match=r"changed since the benchmark began: .*large.bin"):
        program.workplace.check()
    with pytest.raises(EagerError, match="changed since"):
        program.workplace.make()
    shutil.rmtree(place)


def test_a_workplace_can_travel(folder: Path) -> None:
    (folder / "make_data.py").write_text(
        "from pathlib import Path\nPath('data/made.txt').write_text('made')\n"
    )
    packed = load_programs(folder).packed().programs[0].workplace
    assert packed.folder == ""
    shutil.rmtree(folder)
    place = packed.make()
    assert (place / "data" / "made.txt").read_text() == "made"
    assert (place / "data" / "numbers.json").exists()
    shutil.rmtree(place)


def test_workplaces_are_told_from_others(folder: Path, tmp_path: Path) -> None:
    before = load_programs(folder).programs[0].workplace
    elsewhere = [shutil.copytree(folder, tmp_path / name) for name in ("same", "other")]
    (elsewhere[1] / "data" / "numbers.json").write_text("[4]")
    same, other = (load_programs(path).programs[0].workplace for path in elsewhere)
    assert identity(same) == identity(before) != identity(other)


def test_what_programs_took_once(folder: Path) -> None:
    (folder / "measured.json").write_text(json.dumps({"seconds": {"script.py": 2.0}}))
    answer, script = load_programs(folder).programs
    assert answer.share(100, 0.5) is None
    generation = 0.5 + (script.tokens - 1) / 100
    assert script.share(100, 0.5) == pytest.approx(2 / (2 + generation))


def test_data_made_by_a_script(folder: Path) -> None:
    (folder / "make_data.py").write_text(
        "from pathlib import Path\nPath('data/made.txt').write_text('made')\n"
    )
    programs = load_programs(folder)
    assert len(programs.programs) == 2
    place = programs.programs[0].workplace.make()
    assert (place / "data" / "made.txt").read_text() == "made"
    assert (place / "data" / "numbers.json").exists()
    shutil.rmtree(place)


def test_a_script_that_fails(folder: Path) -> None:
    (folder / "make_data.py").write_text("raise RuntimeError('no data')\n")
    with pytest.raises(EagerError, match=r"make_data.py failed:[\s\S]*no data"):
        load_programs(folder).programs[0].workplace.make()


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
