"""``jupyter eager info``: what is installed and configured here, without a secret."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any, Final

from IPython.core.application import ENV_CONFIG_DIRS, SYSTEM_CONFIG_DIRS
from IPython.paths import get_ipython_dir
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_core.application import base_flags
from jupyter_core.paths import jupyter_config_path, jupyter_path
from rich.console import Console
from traitlets import Bool, Enum, Float, Integer, TraitError
from traitlets.config import Config, Configurable
from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

from eager_kernel._version import __version__
from eager_kernel.kernel.config import ENTRY_POINTS as RULES
from eager_kernel.kernel.config import EagerGate, EagerRun
from eager_kernel.kernel.model_config import EagerModel
from eager_kernel.sources.source import ENTRY_POINTS as SOURCES
from eager_kernel.terminal.command import Command

Info = dict[str, Any]


class InfoApp(Command):
    """Say what is installed and configured here, for a report of a fault.

    It writes nothing, starts nothing, and shows no secret: of a key only whether it is set, of a
    setting that may hold one only that it is there.
    """

    name = "jupyter-eager-info"
    version = __version__
    description = __doc__

    json = Bool(False, help="Print it as JSON.").tag(config=True)
    flags = {**base_flags, "json": ({"InfoApp": {"json": True}}, json.help)}

    def work(self) -> None:
        """Print it."""
        found = collect()
        text = json.dumps(found, indent=1, ensure_ascii=False) if self.json else to_text(found)
        Console(soft_wrap=True, highlight=False, markup=False, emoji=False).print(text)


def collect() -> Info:
    """Find out what there is.

    Returns
    -------
    dict
        ``versions``, ``kernelspecs``, ``extensions``, ``models``, ``gate`` and ``configured``:
        plain values, as JSON has them. A path in the user's folder begins with ``~``.
    """
    settings = list(_settings())
    return {
        "versions": _versions(),
        "kernelspecs": list(_kernelspecs()),
        "extensions": _extensions(),
        "models": {
            "providers": sorted({point.name for point in entry_points(group=SOURCES)}),
            "keys": {name: bool(os.environ.get(name)) for name in _KEYS},
        },
        "gate": {
            "mode": _gate_mode(settings),
            "rules": sorted({point.name for point in entry_points(group=RULES)}),
        },
        "configured": settings,
    }


def to_text(info: Info) -> str:
    """The same, to be read."""
    lines = ["versions"]
    lines += [f"  {name:<16} {value or '-'}" for name, value in info["versions"].items()]
    lines += ["", "kernelspecs"]
    for spec in info["kernelspecs"]:
        lines.append(f"  {spec['name']}: {spec['folder']}")
        lines.append(f"    starts {spec['python']}{'' if spec['found'] else ' (IS NOT THERE)'}")
        if spec["environment"]:
            lines.append(f"    sets {', '.join(spec['environment'])}")
    if not info["kernelspecs"]:
        lines.append("  none: run python -m eager_kernel install --user")
    lines += ["", "extensions"]
    lines += [f"  {name:<16} {value or 'not found'}" for name, value in info["extensions"].items()]
    lines += ["", "models", f"  providers        {', '.join(info['models']['providers'])}"]
    for name, is_set in info["models"]["keys"].items():
        lines.append(f"  {name:<16} {'is set' if is_set else 'is not set'} here")
    lines += ["", f"gate: {info['gate']['mode']}"]
    if info["gate"]["rules"]:
        lines.append(f"  rules of packages: {', '.join(info['gate']['rules'])}")
    lines += ["", "configured"]
    lines += [f"  {s['setting']} {s['value']}, in {s['where']}" for s in info["configured"]]
    if not info["configured"]:
        lines.append("  nothing")
    return "\n".join(lines)


# What is installed ----------------------------------------------------------------------------


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {
        "eager-kernel": __version__,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "executable": _short(sys.executable),
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _kernelspecs() -> Iterator[Info]:
    """The kernelspecs that start our kernel."""
    manager = KernelSpecManager()
    for name, folder in sorted(manager.find_kernel_specs().items()):
        try:
            spec = manager.get_kernel_spec(name)
        except (NoSuchKernel, OSError, ValueError):  # one of others, that is broken
            continue
        if not any(argument.startswith("eager_kernel") for argument in spec.argv):
            continue
        python = spec.argv[0]
        yield {
            "name": name,
            "folder": _short(folder),
            "python": _short(python),
            # A bare name is looked up by Jupyter, which takes its own Python for "python".
            "found": not Path(python).is_absolute() or Path(python).exists(),
            "environment": sorted(spec.env),
        }


def _extensions() -> dict[str, str | None]:
    lab = next(_existing("labextensions/eager-kernel/package.json"), None)
    return {
        "JupyterLab": _short(lab.parent) if lab is not None else None,
        "Jupyter Server": _server_extension(),
    }


def _existing(name: str) -> Iterator[Path]:
    return (path for folder in jupyter_path() if (path := Path(folder, name)).exists())


def _server_extension() -> str | None:
    """Where the server's extension is switched on or off; what comes first decides."""
    for folder in jupyter_config_path():
        for path in sorted(Path(folder, "jupyter_server_config.d").glob("*.json")):
            try:
                read = json.loads(path.read_text(encoding="utf-8"))
                enabled = read["ServerApp"]["jpserver_extensions"]["eager_kernel"]
            except (OSError, ValueError, KeyError, TypeError):  # of another extension
                continue
            return f"{'on' if enabled is True else 'off'}, by {_short(path)}"
    return None


# What is configured ---------------------------------------------------------------------------


def _settings() -> Iterator[Info]:
    """What is set of our traits, and where: in the order in which they are read."""
    for path, config in _files():
        if config is None:
            yield {"setting": "all of it", "value": "can't be read", "where": _short(path)}
            continue
        for name in sorted(set(config) & set(_classes())):
            for trait in sorted(config[name]):
                value = _value(name, trait, config[name][trait])
                yield {"setting": f"{name}.{trait}", "value": value, "where": _short(path)}
    for spec in _kernelspecs():
        for argument in KernelSpecManager().get_kernel_spec(spec["name"]).argv:
            found = re.match(r"--(Eager[A-Za-z]+)\.(\w+)=(.*)", argument, re.S)
            if found is not None and found[1] in _classes():
                value = _value(found[1], found[2], found[3], from_text=True)
                where = f"{spec['folder']}{os.sep}kernel.json"
                yield {"setting": f"{found[1]}.{found[2]}", "value": value, "where": where}


def _files() -> Iterator[tuple[Path, Config | None]]:
    """The configuration files that a kernel and a server read here; None if one can't be read."""
    profile = Path(get_ipython_dir(), "profile_default")
    ours = [*SYSTEM_CONFIG_DIRS, *reversed(ENV_CONFIG_DIRS), str(profile)]
    servers = reversed(jupyter_config_path())
    places: list[tuple[list[str], tuple[str, ...]]] = [
        (ours, ("ipython_config", "ipython_kernel_config")),
        (list(servers), ("jupyter_server_config",)),
    ]
    for folders, names in places:
        for name in names:
            for folder in dict.fromkeys(folders):
                for path in (Path(folder, f"{name}.py"), Path(folder, f"{name}.json")):
                    if path.exists():
                        yield path, _read(path)


def _read(path: Path) -> Config | None:
    kind = PyFileConfigLoader if path.suffix == ".py" else JSONFileConfigLoader
    try:
        config: Config = kind(path.name, path=str(path.parent)).load_config()
    except Exception:  # noqa: BLE001 - it is a program of the user's; what it says may hold a key
        return None
    return config


def _classes() -> dict[str, type[Configurable]]:
    classes: list[type[Configurable]] = [EagerGate, EagerModel, EagerRun]
    with suppress(ImportError):  # Jupyter Server is an extra
        # As the server itself finds what extends it: the command line does not know the server.
        points = import_module("eager_kernel")._jupyter_server_extension_points()
        classes += [point["app"] for point in points]
    return {cls.__name__: cls for cls in classes}


def _value(owner: str, name: str, value: Any, *, from_text: bool = False) -> str:
    """What may be shown of a value: all of one that can't hold a secret, else that it is set."""
    cls = _classes()[owner]
    trait = cls.class_traits(config=True).get(name)
    if trait is None:
        return "is set, but there is no such trait"
    if not isinstance(trait, _OPEN):
        return "is set"
    try:
        taken = trait.from_string(value) if from_text else value
        return f"= {trait.validate(cls.__new__(cls), taken)!r}"
    except (TraitError, ValueError):
        return "is set to what it does not take"


def _gate_mode(settings: list[Info]) -> str:
    set_to = [s["value"] for s in settings if s["setting"] == "EagerGate.mode"]
    return set_to[-1].removeprefix("= ").strip("'") if set_to else f"{EagerGate.mode.default()}"


def _short(path: str | Path) -> str:
    """A path without the name of the user in it."""
    text, home = str(path), str(Path.home())
    return f"~{text.removeprefix(home)}" if text.startswith(home + os.sep) else text


_PACKAGES: Final = (
    "ipykernel",
    "ipython",
    "jupyter_client",
    "jupyter_core",
    "tornado",
    "traitlets",
    "anywidget",
    "jupyter_server",
    "jupyterlab",
    "notebook",
    "openai",
    "anthropic",
    "litellm",
    "transformers",
    "torch",
    "keyring",
)
_KEYS: Final = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
_OPEN: Final = (Bool, Enum, Float, Integer)
"""Traits whose values can be no secret: all others are only said to be set."""
