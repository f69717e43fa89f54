// A mapped file that is cut short by someone else while it is read: touching what is gone raises SIGBUS, which ends a
// process. Here such pages become zeros, and the mapping is marked; its reader looks at the mark when it is through.
// (The way of systemd's sigbus.c: no jump out of the code that was reading.) Private to io/weights.
#pragma once
#include <cstddef>

namespace fledge {

class ShrinkGuard {
 public:
  /// Guards `size` bytes from `begin` on, a mapping whose pages may go. The first guard of the process installs the
  /// handler; a SIGBUS anywhere else is handed to the one before it. Costs nothing until a page is gone.
  ShrinkGuard(const void* begin, std::size_t size);
  ~ShrinkGuard();
  ShrinkGuard(const ShrinkGuard&) = delete;
  ShrinkGuard& operator=(const ShrinkGuard&) = delete;
  /// Were zeros put in the place of bytes that are gone?
  bool shrunk() const;

 private:
  int slot_ = -1;  // -1: more mappings than places; such a one is not guarded
};

}  // namespace fledge
