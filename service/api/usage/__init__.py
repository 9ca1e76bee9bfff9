"""Usage: what services tell of it and what it costs; what is read of it from the rollup's facts."""
