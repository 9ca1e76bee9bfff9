"""Signing in: a key in, a cookie out, for browsers."""
