"""Sessions and messages to the formats of others: pure functions of the rows."""
