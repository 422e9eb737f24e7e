"""A caller's classes as JSON schemas, and a model's text as instances of them. Pure."""
