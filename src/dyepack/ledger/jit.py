"""How this program compiles its kernels with Numba.

`kernel` is for functions that allocate arrays; `leaf` for those that do not: without Numba's reference counting
(`_nrt`, a private option that Numba's own low-level code uses) a call costs no count up and down for each of the
dozens of arrays it is handed, which makes the replay about four times faster. `prefetch` asks the memory ahead.
Importing this module imports Numba, which costs half a second: only kernels do.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_njit: Any = numba.njit
kernel: Any = _njit(cache=True, error_model="numpy")
leaf: Any = _njit(cache=True, error_model="numpy", _nrt=False)


def _generate_prefetch(typing_context, array, index):  # type: ignore[no-untyped-def] # pragma: no cover - compiled
    """Ask the memory for array[index], wherever that is (https://llvm.org/docs/LangRef.html#llvm-prefetch-intrinsic)."""
    del typing_context

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        word = ir.IntType(32)
        place = builder.bitcast(builder.gep(made.data, [arguments[1]]), ir.IntType(8).as_pointer())
        of = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
        call = builder.module.globals.get("llvm.prefetch.p0") or ir.Function(builder.module, of, "llvm.prefetch.p0")
        builder.call(call, [place, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate


prefetch: Any = intrinsic(_generate_prefetch)
"""prefetch(array, index): a hint to the processor, without effect on any value."""
