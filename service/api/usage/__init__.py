"""Usage: what services tell of it, and what it costs."""
