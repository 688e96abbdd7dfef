"""The documentation, and the scripts that keep it true: `python -m docs.generate`."""
