"""Real layers run in processes of their own, and what they say.

Importing this loads nothing: the workers start from here too.
"""
