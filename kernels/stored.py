"""Kernels as the cache stores them: machine code, and bitcode that is parsed when another kernel needs it.

The bitcode, LLVM's intermediate code, is what is compiled into the kernels that call this one. numba parses it whenever
it loads a kernel, mostly to learn the names that the machine code defines: half of the time. We store the names.
"""

import functools
from typing import Any

import llvmlite.binding
from numba.core.caching import CompileResultCacheImpl
from numba.core.codegen import JITCodeLibrary

_bitcode_parsed = JITCodeLibrary._get_module_for_linking


class _ParsedOnDemand(JITCodeLibrary):  # type: ignore[misc]  # numba has no types
    """A loaded kernel's code."""

    _bitcode: bytes | None

    def _get_module_for_linking(self) -> Any:
        if self._bitcode is not None:
            self._shared_module = llvmlite.binding.parse_bitcode(self._bitcode)
            self._bitcode = None
        return _bitcode_parsed(self)


class StoredKernel(CompileResultCacheImpl):  # type: ignore[misc]
    """How a compiled kernel is written and read."""

    def reduce(self, compiled: Any) -> Any:
        module = compiled.library._get_module_for_linking()
        names = [
            value.name
            for values in (module.functions, module.global_variables)
            for value in values
            if not value.is_declaration
        ]
        return names, super().reduce(compiled)

    def rebuild(self, target_context: Any, stored: Any) -> Any:
        names, ((name, kind, (machine_code, bitcode)), *rest) = stored
        target_context.codegen()._engine._defined_symbols.update(names)
        compiled = super().rebuild(target_context, ((name, kind, (machine_code, _no_bitcode())), *rest))
        compiled.library.__class__ = _ParsedOnDemand
        compiled.library._bitcode = bitcode
        return compiled


@functools.cache
def _no_bitcode() -> bytes:
    """The bitcode of an empty module."""
    empty: bytes = llvmlite.binding.parse_assembly("").as_bitcode()
    return empty
