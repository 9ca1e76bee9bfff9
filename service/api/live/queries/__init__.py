"""The live queries, a file a noun: each says what it takes, how many askers are answered at once, and what it watches."""
