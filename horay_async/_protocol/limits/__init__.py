"""When to send: retries, rates, concurrency and pauses. Pure."""
