"""Other people's software on this client: one file or folder and one extra each, imported only when asked for."""
