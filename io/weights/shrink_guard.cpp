#include "io/weights/shrink_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

namespace fledge {
namespace {

struct Slot {
  std::atomic<std::uintptr_t> begin{0}, end{0};  // end 0: free
  std::atomic<bool> taken{false}, shrunk{false};
};

constexpr std::size_t kSlots = 1024;
std::array<Slot, kSlots> slots;  // the handler may look at nothing else
struct sigaction before {};
std::uintptr_t page_bytes = 4096;

/// Zeros from the page of `address` to the mapping's end: what is behind a file's end is gone too.
bool put_zeros(std::uintptr_t address) {
  for (Slot& slot : slots) {
    const std::uintptr_t end = slot.end.load();
    if (end == 0 || address < slot.begin.load() || address >= end) continue;
    const std::uintptr_t page = address / page_bytes * page_bytes;
    void* const at = reinterpret_cast<void*>(page);
    if (::mmap(at, end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) return false;
    slot.shrunk.store(true);
    return true;
  }
  return false;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const bool ours = put_zeros(reinterpret_cast<std::uintptr_t>(info->si_addr));
  errno = saved;
  if (ours) return;
  if ((before.sa_flags & SA_SIGINFO) && before.sa_sigaction) return before.sa_sigaction(signal, info, context);
  if (!(before.sa_flags & SA_SIGINFO) && before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    return before.sa_handler(signal);
  ::signal(signal, SIG_DFL);  // the access is repeated on return, and ends the process as it would have
}

void install_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &before);
  });
}

}  // namespace

ShrinkGuard::ShrinkGuard(const void* begin, std::size_t size) {
  install_once();
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (slots[i].taken.exchange(true)) continue;
    slot_ = static_cast<int>(i);
    slots[i].shrunk = false;
    slots[i].begin = reinterpret_cast<std::uintptr_t>(begin);
    slots[i].end = reinterpret_cast<std::uintptr_t>(begin) + size;
    return;
  }
}

ShrinkGuard::~ShrinkGuard() {
  if (slot_ < 0) return;
  slots[slot_].end = 0;
  slots[slot_].taken = false;
}

bool ShrinkGuard::shrunk() const { return slot_ >= 0 && slots[slot_].shrunk; }

}  // namespace fledge
