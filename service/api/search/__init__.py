"""/search and /api/search: what is asked, the ranking, the hits re-read, the answer."""
