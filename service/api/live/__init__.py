"""Live queries over HTTP: the catalogue, what is asked of it, and streams of server-sent events."""
