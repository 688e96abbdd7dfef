"""A live or a stored model, or a list of layers, as a model of exact sizes."""
