"""Puts the built JupyterLab extension into wheels and source archives."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from build_labextension import BUILT, FOLDER, MARK, build, can_build, is_current


class LabExtensionHook(BuildHookInterface[Any]):
    """Builds the extension where it is to be in what is made.

    An editable install is a developer's, most of whom do not change the extension: it takes the
    one that is built, and builds none. A wheel made where there is no Node.js does the same: who
    installs from a checkout may want no more than the kernel. A source archive is always whole,
    and so are the wheels that are made from it.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the extension to what is made, before it is."""
        can_be_left_out = version == "editable" or (self.target_name == "wheel" and not can_build())
        if can_be_left_out and not is_current():
            self.app.display_warning(
                "installed without the JupyterLab extension, which is not built; if you want it: "
                "python labextension/build_labextension.py, with Node.js, and install again"
            )
            return
        if not can_be_left_out:
            try:
                build()
            except RuntimeError as error:
                self.app.abort(str(error))
        if self.target_name == "wheel":
            build_data["shared_data"][str(BUILT)] = "share/jupyter/labextensions/eager-kernel"
        else:
            for path in (BUILT, MARK):
                build_data["force_include"][str(path)] = (
                    Path(FOLDER.name) / path.relative_to(FOLDER)
                ).as_posix()
