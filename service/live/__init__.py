"""The change feed: what follows the change log, for indexes today and live queries later."""
