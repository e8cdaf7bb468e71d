"""Device, number format and threads, chosen from what the machine has."""

from __future__ import annotations

import contextlib
import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from verticals.contract import SettingsError, suggest

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Precision:
    """Where and in which format the encoder computes; parameters stay fp32 in training.

    Args:
        device: the torch device.
        compute: number format of matrix products.
        reason: why, for `platform doctor`.
    """

    device: torch.device
    compute: torch.dtype
    reason: str

    @property
    def name(self) -> str:
        """``fp32`` or ``bf16``."""
        return next(name for name, dtype in _FORMATS.items() if dtype == self.compute)

    def autocast(self) -> torch.autocast:
        """A context in which matrix products run in the chosen format."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.compute == torch.bfloat16)


def choose_precision(precision: str = "auto", device: str = "auto") -> Precision:
    """Choose by the machine unless told: bf16 on CUDA and on CPUs with AMX or AVX512-BF16, else fp32.

    Raises:
        SettingsError: an unknown format, or a device this machine does not have.
    """
    chosen = torch.device("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else _device(device)
    if precision != "auto":
        if precision not in _FORMATS:
            raise SettingsError(f"There is no precision {precision!r}.", suggest(precision, [*_FORMATS, "auto"]))
        return Precision(chosen, _FORMATS[precision], "as set")
    if chosen.type == "cuda" and torch.cuda.is_bf16_supported():
        return Precision(chosen, torch.bfloat16, "this GPU computes bf16")
    if chosen.type == "cpu" and (found := _fast_bf16()):
        return Precision(chosen, torch.bfloat16, f"this CPU has {found}")
    return Precision(chosen, torch.float32, "no fast bf16 on this machine")


def free_cores() -> int:
    """Cores this process may really use: its CPU affinity, a container's quota, and ``OMP_NUM_THREADS`` where set."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.is_file():
        limit, _, period = quota.read_text().partition(" ")
        if limit.isdigit() and period.strip().isdigit():
            cores = min(cores, max(1, round(int(limit) / int(period))))
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(cores, int(wanted)) if wanted.isdigit() and int(wanted) else cores


def set_threads(threads: int = 0) -> int:
    """Set torch's threads to ``threads``, or to the free cores when 0; the number set."""
    number = threads or free_cores()
    torch.set_num_threads(number)
    return number


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next tensor instead of handing it back to the system.

    A layer's intermediate results are a few MB each, which glibc by default maps and unmaps every time; the page
    faults then cost as much as the arithmetic. Does nothing where the C library is another one.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        library.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def return_freed_memory() -> None:
    """Hand all freed memory back to the system: oneDNN maps its own, for which what the C library keeps is no use."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingsError(f"There is no device {name!r}.", "Use 'cpu', 'cuda' or 'cuda:<number>'.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SettingsError("This machine has no usable CUDA device.", "Set PLATFORM_DEVICE=cpu or auto.")
    return device


def _fast_bf16() -> str:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    if "amx_bf16" in flags:
        return "AMX"
    return "AVX512-BF16" if "avx512_bf16" in flags else ""
