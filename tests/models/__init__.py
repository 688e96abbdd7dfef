"""Real models, small in channels and at their published depth."""
