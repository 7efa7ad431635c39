"""What hosts and registries read of the project agrees with what the project says of itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from eager_kernel import __version__

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_workflow_tests_each_python_that_is_claimed() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]
    assert jobs["part"]["strategy"]["matrix"]["python"] == PYTHONS
    assert len(jobs["part"]["strategy"]["matrix"]["os"]) == 3
    assert PYTHONS[0] == PROJECT["requires-python"].removeprefix(">=")


@pytest.mark.parametrize("name", ["tests", "docs", "release"])
def test_workflows_may_do_no_more_than_they_must(name: str) -> None:
    workflow = read(ROOT / ".github" / "workflows" / f"{name}.yml")
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"]
        assert job.get("permissions", {}).keys() <= {"id-token"}
        for step in job["steps"]:
            assert not re.search(r"secrets\.|password|token:", str(step)), step


def test_reports_of_faults_have_what_is_there() -> None:
    forms = sorted(ROOT.glob(".github/ISSUE_TEMPLATE/[0-9]*.yml"))
    assert len(forms) == 3
    for form in forms:
        text = form.read_text(encoding="utf-8")
        assert "jupyter eager info" in text
        assert {"name", "description", "body"} <= read(form).keys()


def test_the_citation_is_of_this_version() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert citation["version"] == __version__
    assert citation["repository-code"] == PROJECT["urls"]["Source"]
    assert citation["license"] == PROJECT["license"]


def test_each_dependency_has_a_lower_bound() -> None:
    pytest.importorskip("nox")
    import noxfile

    lowest = noxfile.lowest_versions()
    assert len(lowest) == len(PROJECT["dependencies"])
    assert all(re.fullmatch(r"[\w.-]+==\d[\d.]*", line) for line in lowest)
    assert noxfile.PYTHONS == PYTHONS
