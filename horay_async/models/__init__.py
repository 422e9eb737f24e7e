"""attrs classes for every answer, typed dicts for the parameters of every request."""
