// How the emulator ends a process: a message that names the kernel, its block and its thread, then abort().
#pragma once
#include <string>

namespace emulator {

[[noreturn]] void fatal(const std::string& what);

/// "norm_forward<float, 4>(...)" of a function of this module, from the symbol table of its file; "?" without one.
std::string function_name(const void* function);

}  // namespace emulator
