"""The site: Sphinx, MyST and the PyData theme, as Jupyter's projects have it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

import gather

from eager_kernel import __version__

project = "EAGER Python"
author = "The EAGER Python developers"
copyright = author  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = [
    "myst_nb",  # pages and notebooks
    "sphinx.ext.autodoc",  # the reference, from the docstrings
    "sphinx.ext.napoleon",  # which are numpy's style
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",  # the cards of the first page
]

# Notebooks keep what they show; it is not made again. No page needs anything from elsewhere.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# In docstrings, `x` is code.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_rtype = False

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
html_theme = "pydata_sphinx_theme"
html_title = "EAGER Python"
html_static_path = ["_static"]
html_css_files = ["eager.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "icon_links": [
        {"name": "Source", "url": gather.SOURCE, "icon": "fa-brands fa-github"},
    ],
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def setup(app: Sphinx) -> None:
    """Bring in what is elsewhere."""
    app.connect("config-inited", lambda *_: gather.gather())
    app.connect("source-read", _lead_links)


def _lead_links(app: Sphinx, page: str, source: list[str]) -> None:
    """Lead links out of the site's folder to where the site has what they name."""
    file = Path(app.env.doc2path(page, base=False)).as_posix()
    out = file.endswith(".md") and re.search(r"\]\((\.\./)+[^)]", source[0])
    if out and file not in gather.PAGES.values():
        source[0] = gather.relink(source[0], f"docs/{file}", file)
