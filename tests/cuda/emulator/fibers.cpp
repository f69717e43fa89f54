#include "fibers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "report.h"
#if !defined(__x86_64__) || defined(FLEDGE_EMULATOR_UCONTEXT)
#include <ucontext.h>
#endif

namespace emulator {

#if defined(__x86_64__) && !defined(FLEDGE_EMULATOR_UCONTEXT)

// Saves what a function must keep on the old stack, and takes it from the new one.
extern "C" void fledge_emulator_switch(void** save_to, void* go_to) __attribute__((visibility("hidden")));
asm(R"(
.text
.globl fledge_emulator_switch
.hidden fledge_emulator_switch
.type fledge_emulator_switch, @function
fledge_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size fledge_emulator_switch, . - fledge_emulator_switch
)");

using Context = void*;

namespace {
void switch_to(Context& from, const Context& to) { fledge_emulator_switch(&from, to); }

void prepare(Context& context, char* stack, void (*body)()) {
  // What switch_to pops: six registers, the address to return to; a function begins 8 bytes off a multiple of 16.
  auto* top = reinterpret_cast<std::uintptr_t*>(stack + kStackBytes) - 2;
  *top = reinterpret_cast<std::uintptr_t>(body);
  for (int i = 1; i <= 6; ++i) top[-i] = 0;
  context = top - 6;
}
}  // namespace

#else

using Context = ucontext_t;

namespace {
void switch_to(Context& from, const Context& to) { swapcontext(&from, &to); }

void prepare(Context& context, char* stack, void (*body)()) {
  getcontext(&context);
  context.uc_stack.ss_sp = stack;
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;
  makecontext(&context, body, 0);
}
}  // namespace

#endif

struct Fiber {
  Context context{};
  char* guard = nullptr;
};

namespace {

Context host_context;
Fiber* running = nullptr;
std::vector<Fiber*> all;
std::size_t guard_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

Fiber* make_fiber(void (*body)()) {
  void* memory = mmap(nullptr, guard_bytes() + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) fatal("no memory for the stacks of a block's threads");
  auto* fiber = new Fiber;
  fiber->guard = static_cast<char*>(memory);
  mprotect(memory, guard_bytes(), PROT_NONE);
  prepare(fiber->context, fiber->guard + guard_bytes(), body);
  all.push_back(fiber);
  return fiber;
}

void enter(Fiber* fiber) {
  running = fiber;
  switch_to(host_context, fiber->context);
}

void leave() { switch_to(running->context, host_context); }

bool is_stack_guard(const void* p) {
  for (const Fiber* f : all)
    if (p >= f->guard && p < f->guard + guard_bytes()) return true;
  return false;
}

}  // namespace emulator
