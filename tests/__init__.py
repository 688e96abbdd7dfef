"""The tests: laws, then tables, then agreement with the frameworks."""
