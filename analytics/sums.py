"""Sums of whole numbers that stay whole numbers of 64 bits.

Rule: what is added up is bounded row by row and not in number, so that a sum is capped: one that ran over would come
out negative, and a database that counts further would refuse it.
"""

from __future__ import annotations

import polars as pl

MOST = 2 * 10**18
"""Nano-dollars (two thousand million dollars) or tokens. Four of them, the kinds of tokens, still add up in 64 bits."""


def summed(name: str) -> pl.Expr:
    """
    >>> pl.DataFrame({"tokens": [10**18] * 10}).select(summed("tokens")).item() == MOST
    True
    """
    column = pl.col(name)
    return pl.when(column.cast(pl.Float64).sum() < MOST).then(column.sum()).otherwise(MOST).alias(name)
