"""Blocking work in a thread, which is never left behind; and work that gives way to everything else."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

NICENESS = 10


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `asyncio.to_thread`, but a cancelled caller waits until the thread has ended.

    What the thread works with (a writer, a file) can then be closed.
    """
    return await _ended(asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs)))


async def in_background(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `in_thread`, one at a time and at a low priority: a backlog of embedding must not delay words and requests."""
    loop = asyncio.get_running_loop()
    return await _ended(loop.run_in_executor(BACKGROUND, partial(function, *args, **kwargs)))


async def _ended(thread: asyncio.Future[T]) -> T:
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        raise


def _give_way() -> None:
    """Linux keeps niceness by thread, and the threads that torch starts inherit it; elsewhere it is the process's."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


BACKGROUND = ThreadPoolExecutor(max_workers=1, thread_name_prefix="background", initializer=_give_way)
