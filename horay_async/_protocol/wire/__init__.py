"""What goes over the wire: requests, event streams, responses and their errors. Pure."""
