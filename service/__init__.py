"""What runs: the only package that knows Postgres, HTTP and the clock. docs/architecture.md draws the rooms."""
