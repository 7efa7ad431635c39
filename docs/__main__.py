"""Build the site: ``python -m docs``, in the root of the repository.

The pages come to ``build/docs/html``. A warning ends the build with an error.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Build the site; more arguments are Sphinx's."""
    try:
        from sphinx.cmd.build import build_main  # noqa: PLC0415 - an extra
    except ImportError:
        sys.exit("the site needs more packages: pip install -e '.[docs]'")
    out = HERE.parent / "build" / "docs"
    # From the beginning: pages that are not read again tell no warnings.
    options = ["--fresh-env", "--write-all", "--fail-on-warning", "--keep-going"]
    folders = ["--doctree-dir", str(out / "doctrees"), str(HERE), str(out / "html")]
    return build_main([*options, *arguments, *folders])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
