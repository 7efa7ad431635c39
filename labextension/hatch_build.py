"""Puts the built JupyterLab extension into wheels and source archives."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from build_labextension import BUILT, FOLDER, MARK, build, is_current


class LabExtensionHook(BuildHookInterface[Any]):
    """Builds the extension where it is to be in what is made.

    An editable install is a developer's, most of whom do not change the extension: it takes the
    one that is built, and builds none.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the extension to what is made, before it is."""
        if version == "editable":
            if not is_current():
                self.app.display_warning(
                    "installed without the JupyterLab extension, which is not built; if you want "
                    "it: python labextension/build_labextension.py, and install again"
                )
                return
        else:
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
