"""How this program compiles its kernels with Numba.

`kernel` is for functions that allocate arrays; `leaf` for those that do not: without Numba's reference counting
(`_nrt`, a private option that Numba's own low-level code uses) a call costs no count up and down for each of the
dozens of arrays it is handed, which makes the replay about four times faster.
Importing this module imports Numba, which costs half a second: only kernels do.
"""

from __future__ import annotations

from typing import Any

import numba

_njit: Any = numba.njit
kernel: Any = _njit(cache=True, error_model="numpy")
leaf: Any = _njit(cache=True, error_model="numpy", _nrt=False)
