"""Things in two dimensions, laid out by who is near to whom. Pure."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray


def layout(neighbours: pl.DataFrame) -> tuple[pl.DataFrame, float]:
    """Classical scaling (Torgerson 1952) of `session, other, rank` rows; and the part of all spread that two dimensions show.

    Two are near when each stands early in the other's list; who stands in neither is at distance 1. So what is near means
    something, what is far only that they are not neighbours. The frame: `session`, `x`, `y`, in the order of names;
    signs are fixed so that the same rows give the same picture.
    """
    names = sorted({*neighbours["session"], *neighbours["other"]})
    if len(names) < 3:
        places = [(float(n), 0.0) for n in range(len(names))]
        return placed(names, np.array(places).reshape(-1, 2)), 1.0
    distances = 1 - affinity(neighbours, names)
    np.fill_diagonal(distances, 0)
    center = np.eye(len(names)) - 1 / len(names)
    values, vectors = np.linalg.eigh(-center @ (distances**2) @ center / 2)
    largest = np.argsort(values)[::-1][:2]
    axes = vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0))
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), range(2)])
    positive = values[values > 0].sum()
    return placed(names, axes), float(np.maximum(values[largest], 0).sum() / positive) if positive else 0.0


def affinity(neighbours: pl.DataFrame, names: list[str]) -> NDArray[np.float64]:
    """How near two are, 0 to 1: the mean of both directions, 1 for the first of a list, falling to 0 behind its end."""
    number = {name: n for n, name in enumerate(names)}
    longest = int(neighbours["rank"].max() or 1)  # type: ignore[arg-type]  # a column of integers
    found = np.zeros((len(names), len(names)))
    for session, other, rank in neighbours.select("session", "other", "rank").iter_rows():
        found[number[session], number[other]] = 1 - (rank - 1) / longest
    return (found + found.T) / 2


def placed(names: list[str], axes: NDArray[np.float64]) -> pl.DataFrame:
    return pl.DataFrame(
        {"session": names, "x": axes[:, 0], "y": axes[:, 1]}, schema_overrides={"session": pl.String}
    )
