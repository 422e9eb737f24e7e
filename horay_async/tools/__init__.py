"""Functions that the model may call, and the loop that lets it."""
