"""/api/context: the best evidence for a question, within a number of tokens, for an agent to read."""
