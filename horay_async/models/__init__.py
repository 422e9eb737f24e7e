"""attrs classes for every response, typed dicts for the parameters of every request."""
