"""One file a resource: an operation, its request and its response. No I/O of their own."""
