"""Measure CPU time, which a busy machine disturbs least, and the wall time of one fdatasync as the disk's floor."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def cpu_ms(work: Callable[[], Any], *, times: int) -> float:
    """Return the median CPU milliseconds of `work` over a number of runs, after one that warms it up."""
    work()
    return statistics.median(_once(work, time.process_time) for _ in range(times)) * 1000


def wall_ms(work: Callable[[], Any], *, times: int) -> float:
    """Return the median wall milliseconds of `work`."""
    work()
    return statistics.median(_once(work, time.perf_counter) for _ in range(times)) * 1000


def once_ms(work: Callable[[], Any]) -> float:
    """Return the wall milliseconds of one run."""
    return _once(work, time.perf_counter) * 1000


def _once(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return clock() - began


def fdatasync_ms(folder: Path, *, times: int = 50) -> float:
    """Return the median wall milliseconds of writing 8 KiB and syncing it: no durable commit is faster."""
    handle = os.open(folder / "sync.probe", os.O_CREAT | os.O_WRONLY)

    def write() -> None:
        os.pwrite(handle, b"x" * 8192, 0)
        os.fdatasync(handle)

    try:
        return wall_ms(write, times=times)
    finally:
        os.close(handle)
