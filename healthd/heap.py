"""The C library's heap (glibc): fewer of them, and what is free given back. Elsewhere nothing happens.

Reading an inventory and building windows need for seconds what the daemon then holds for weeks as the size of its
process; and each of the dozen threads that work now and then would keep a heap of its own.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # <malloc.h>
_ARENAS = 2


def few_heaps() -> None:
    """Threads that begin from now on share a few heaps: most of what they allocate, Python allocates anyway."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return to the system what is free. Takes some ms, without holding up other threads' Python."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
