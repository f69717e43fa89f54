// Runs kernels: block after block, the threads of a block as fibers.
#pragma once
#include <functional>
#include <string>

#include "cuda_runtime.h"

namespace emulator {

struct Kernel {
  const void* function;          // its address, for messages
  std::function<void()> thread;  // runs it once
  dim3 grid, block;
};

/// Returns when all blocks have run. Aborts when threads wait for others that never come.
void run_kernel(const Kernel&);

/// "kernel f(...) block [1,0,0] of [4,1,1] thread [31,0,0] of [256,1,1]" of what runs now; "" outside a kernel.
std::string where_text();
bool inside_kernel();

}  // namespace emulator
