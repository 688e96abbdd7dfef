"""Sphinx: `sphinx-build -W --keep-going docs build/docs`. It needs no network."""

import deconvcalc

project = "deconvcalc"
author = "the deconvcalc contributors"
version = release = deconvcalc.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"deconvcalc {version}"
