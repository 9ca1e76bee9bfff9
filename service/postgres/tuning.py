"""Settings of the embedded Postgres: durable, silent about what people wrote, modest with the machine.

The owner overrides one with `alter system`, which wins over what is written here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

MIB = 1024 * 1024

DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
}
PRIVATE = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # The text of an error can quote a value ("invalid input syntax ..."), so the log holds no errors of
    # sessions at all; each goes to the client that made it. What stays is the server's own: LOG, FATAL, PANIC.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_lock_waits": "off",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
QUIET = {
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


def settings_for(memory_bytes: int, cores: int) -> dict[str, str]:
    """Every setting, by name, for a machine with this much memory and this many cores.

    A laptop has other things to do: at most an eighth of its memory is taken at once. `maintenance_work_mem`
    is what an HNSW index is built in; a build that outgrows it is many times slower.

    >>> big = settings_for(64 * 1024**3, cores=16)
    >>> big["shared_buffers"], big["work_mem"], big["maintenance_work_mem"], big["effective_cache_size"]
    ('2048MB', '64MB', '1024MB', '32768MB')
    >>> small = settings_for(1024**3, cores=1)
    >>> small["shared_buffers"], small["work_mem"], small["maintenance_work_mem"], small["fsync"]
    ('128MB', '4MB', '64MB', 'on')
    """
    return {
        **DURABLE,
        **PRIVATE,
        **QUIET,
        "max_connections": "100",
        "shared_buffers": _mib(memory_bytes // 8, least=128, most=2048),
        "effective_cache_size": _mib(memory_bytes // 2, least=256),
        "work_mem": _mib(memory_bytes // 512, least=4, most=64),
        "maintenance_work_mem": _mib(memory_bytes // 16, least=64, most=1024),
        "autovacuum_work_mem": "64MB",
        "max_parallel_workers": str(max(cores, 1)),
        "max_parallel_workers_per_gather": str(min(cores // 2, 2)),
        "max_parallel_maintenance_workers": str(min(cores // 2, 4)),
        "random_page_cost": "1.1",
        "jit": "off",
        # A container's /dev/shm (64 MB) is too small for a parallel HNSW build; System V memory is not in it.
        "dynamic_shared_memory_type": "sysv" if sys.platform == "linux" else "posix",
    }


def this_machine() -> tuple[int, int]:
    """Memory in bytes and cores that this process may use."""
    memory_bytes = min([psutil.virtual_memory().total, *_cgroup_limits_bytes()])
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return memory_bytes, cores


def _mib(amount_bytes: int, *, least: int, most: int | None = None) -> str:
    amount = max(amount_bytes // MIB, least)
    return f"{amount if most is None else min(amount, most)}MB"


def _cgroup_limits_bytes() -> list[int]:
    """The memory limits of this process' control group and of those above it; of Linux, versions 1 and 2."""
    try:
        memberships = Path("/proc/self/cgroup").read_text().splitlines()
    except FileNotFoundError:
        return []
    limits = []
    for membership in memberships:
        _, controllers, group = membership.split(":", 2)
        if controllers == "":
            limits += _limits_upwards(Path("/sys/fs/cgroup"), group, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits_upwards(Path("/sys/fs/cgroup/memory"), group, "memory.limit_in_bytes")
    return limits


def _limits_upwards(root: Path, group: str, name: str) -> list[int]:
    # Inside a container the group's path may be the host's, and only the root exists: missing files are no limit.
    leaf = root / group.lstrip("/")
    files = [directory / name for directory in (leaf, *leaf.parents) if directory.is_relative_to(root)]
    texts = [file.read_text().strip() for file in files if file.is_file()]
    return [int(text) for text in texts if text.isdigit()]
