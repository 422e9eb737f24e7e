"""One file a resource: an operation, its request and its answer. No I/O of their own."""
