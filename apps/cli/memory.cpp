// The program's operator new: malloc, which remembers the size that could not be had, for the message, and gives a
// reserve back so that the message can be made.
#include <atomic>
#include <cstdlib>
#include <new>

#include "apps/cli/signals.h"

namespace {

constexpr std::size_t kReserve = std::size_t{256} << 10;
std::atomic<unsigned long> g_failed{0};
std::atomic<void*> g_reserve{std::malloc(kReserve)};

}  // namespace

unsigned long fledge::failed_allocation() { return g_failed.load(std::memory_order_relaxed); }

#if defined(__has_feature)  // clang's way to say what g++ defines
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FLEDGE_SANITIZED
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(FLEDGE_SANITIZED)
namespace {

[[gnu::noinline, noreturn]] void no_memory(std::size_t size) {
  g_failed.store(size, std::memory_order_relaxed);
  std::free(g_reserve.exchange(nullptr));
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* p = std::malloc(size ? size : 1)) [[likely]]
    return p;
  no_memory(size);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif
