"""HTTP: validate, call one thing, answer. A file a noun; docs/api.md lists the routes."""
