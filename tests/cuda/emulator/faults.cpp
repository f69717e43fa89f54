// Signals: what a fault at a device address means, said before the process ends.
#include <signal.h>

#include <cstdlib>
#include <cstring>

#include "block.h"
#include "fibers.h"
#include "memory.h"
#include "report.h"

namespace emulator {
namespace {

struct sigaction before_segv, before_bus;

void on_fault(int signal, siginfo_t* info, void*) {
  const void* p = info->si_addr;
  if (is_stack_guard(p)) fatal("a thread uses more than " + std::to_string(kStackBytes) + " bytes of stack");
  if (is_device_address(p) && inside_kernel())
    fatal("a kernel touches memory that is not allocated: " + describe_device_address(p));
  if (is_device_address(p)) fatal("host code touches device memory: " + describe_device_address(p));
  if (inside_kernel()) fatal("a kernel touches memory that does not exist");
  // Not ours: back to the former handler, where the same instruction faults again.
  sigaction(signal, signal == SIGSEGV ? &before_segv : &before_bus, nullptr);
}

void take(int signal, struct sigaction& before) {
  struct sigaction now {};
  sigaction(signal, nullptr, &now);
  if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == &on_fault) return;
  before = now;
  struct sigaction mine {};
  mine.sa_sigaction = &on_fault;
  mine.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(signal, &mine, nullptr);
}

}  // namespace

void watch_faults() {
  take(SIGSEGV, before_segv);
  take(SIGBUS, before_bus);
  // A fiber without stack left needs another one for the handler.
  stack_t stack{};
  sigaltstack(nullptr, &stack);
  if (stack.ss_flags & SS_DISABLE || stack.ss_size < kStackBytes) {
    constexpr std::size_t kBytes = std::size_t{256} << 10;
    thread_local char* memory = static_cast<char*>(std::malloc(kBytes));
    stack = {};
    stack.ss_sp = memory;
    stack.ss_size = kBytes;
    sigaltstack(&stack, nullptr);
  }
}

}  // namespace emulator
