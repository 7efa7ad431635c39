"""See that wheels and source archives install and work in empty environments without Node.js.

``python .ci/smoke.py dist/*`` makes an environment for each archive, installs it there, and tries
in it what a new user tries. With ``--with-labextension``, each must have brought the extension of
JupyterLab. With ``--from OLDER.whl``, that is installed first, and then upgraded.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PROGRAM = "rows = [n * n for n in range(5)]\nprint(sum(rows))\nrows[-1]\n"


def main() -> int:
    """Try each archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--with-labextension", action="store_true")
    parser.add_argument("--from", dest="older", type=Path, help="a wheel to upgrade from")
    parser.add_argument("--demo", action="store_true", help="run the demo, too: installs pandas")
    options = parser.parse_args()
    for archive in options.archives:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{archive.name}:", flush=True)
            Trial(Path(folder), options).of(archive.resolve())
    return 0


class Trial:
    """An environment with one archive in it."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._options = options
        self._folder = folder
        venv.create(folder / "env", with_pip=True)
        self._bin = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        home = folder / "home"
        home.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "IPYTHONDIR"):
            kept.pop(name, None)
        self._pip_environment = {**kept, "PATH": self._path()}
        self._environment = {**self._pip_environment, "HOME": str(home), "USERPROFILE": str(home)}

    def of(self, archive: Path) -> None:
        """Install it, and try it."""
        if shutil.which("node", path=self._path()):
            sys.exit("there is a Node.js on the path that is left")
        if self._options.older:
            older = self._options.older.resolve()
            same = older.name.split("-")[1] == archive.name.split("-")[1].removesuffix(".tar.gz")
            _must(not same, "pip upgrades to another version alone", older.name)
            self._install(older)
            self._run("jupyter-eager", "run", self._program())
        self._install(archive)
        self._try_command_line()
        self._try_kernelspec()
        self._try_magics()
        self._try_labextension()
        if self._options.demo:
            said = self._run("jupyter-eager", "demo")
            _must("the outputs are the same" in said, "the demo", said)

    def _try_command_line(self) -> None:
        said = self._run("jupyter-eager", "run", self._program(), "--rate", "400")
        _must("30" in said and "16" in said, "jupyter eager run", said)
        info = json.loads(self._run("jupyter-eager", "info", "--json"))
        names = [spec["name"] for spec in info["kernelspecs"]]
        _must(names == ["eager_python"], "jupyter eager info", names)
        said = self._run(
            "python", "-c", "import eager_kernel as e; print(e.Chunker().feed('x\\n'))"
        )
        _must("Chunk" in said, "the chunker", said)

    def _try_kernelspec(self) -> None:
        said = self._run("jupyter", "kernelspec", "list")
        _must("eager_python" in said, "jupyter kernelspec list", said)

    def _try_magics(self) -> None:
        """A cell without a model, in a kernel of the installed spec."""
        code = (
            "from eager_kernel import EagerClient\n"
            "with EagerClient.start() as client:\n"
            "    result = client.run(iter('print(6 * 7)'))\n"
            "    told = client.execute('%eager status')\n"
            "print(result.outputs, told.status)\n"
        )
        said = self._run("python", "-c", code)
        _must("42" in said and "ok" in said, "a client and %eager", said)

    def _try_labextension(self) -> None:
        info = json.loads(self._run("jupyter-eager", "info", "--json"))
        there = info["extensions"]["JupyterLab"]
        _must(bool(there) or not self._options.with_labextension, "the extension", there)
        print(f"  JupyterLab's extension: {'there' if there else 'left out'}", flush=True)
        server = info["extensions"]["Jupyter Server"]
        _must(str(server).startswith("on"), "the server's extension", server)

    def _program(self) -> str:
        file = self._folder / "program.py"
        file.write_text(PROGRAM, encoding="utf-8")
        return str(file)

    def _install(self, archive: Path, extra: str = "") -> None:
        self._run("python", "-m", "pip", "install", "-q", f"{archive}{extra}", pip=True)

    def _run(self, program: str, *arguments: str, pip: bool = False) -> str:
        done = subprocess.run(
            [shutil.which(program, path=str(self._bin)) or program, *arguments],
            cwd=self._folder,
            env=self._pip_environment if pip else self._environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=900,
        )
        command = " ".join([program, *arguments])[:100].replace("\n", " ")
        _must(done.returncode == 0, command, done.stdout + done.stderr)
        print(f"  {command}", flush=True)
        return done.stdout

    def _path(self) -> str:
        """The path with this environment first, and without what has Node.js."""
        system = os.environ.get("PATH", "").split(os.pathsep)
        without = [part for part in system if not shutil.which("node", path=part)]
        return os.pathsep.join([str(self._bin), *without])


def _must(holds: bool, what: str, seen: object) -> None:
    if not holds:
        sys.exit(f"FAILED: {what}\n{seen}")


if __name__ == "__main__":
    sys.exit(main())
