// The arena is mapped to an empty file wherever nothing is allocated: there every access is a bus error, whatever the
// protection, so that one mprotect of the whole range opens the allocations and leaves the gaps between them shut.
#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>

#include "report.h"

namespace emulator {
namespace {

constexpr std::size_t kUnit = 16;
constexpr std::size_t kAddresses = std::size_t{64} << 30;

std::size_t page() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}
std::size_t round_up(std::size_t n, std::size_t step) { return (n + step - 1) / step * step; }

struct Allocation {
  std::size_t bytes;  // as asked for
  char* first_page;
  std::size_t mapped;  // whole pages
};

struct Arena {
  char* base = nullptr;
  std::size_t limit = std::size_t{2} << 30;
  std::size_t used = 0, extent = 0;  // bytes allocated; of the addresses, up to the last page ever used
  int empty_file = -1, open = 0;
  std::map<const char*, Allocation> allocations;

  using Place = std::map<const char*, Allocation>::const_iterator;
  /// The last allocation that begins at or before an address; end() without one.
  Place before(const void* p) const {
    const auto next = allocations.upper_bound(static_cast<const char*>(p));
    return next == allocations.begin() ? allocations.end() : std::prev(next);
  }

  Arena() {
    if (const char* text = std::getenv("FLEDGE_EMULATOR_MEMORY")) limit = std::strtoull(text, nullptr, 10);
    empty_file = memfd_create("no device memory here", MFD_CLOEXEC);
    void* p = mmap(nullptr, kAddresses, PROT_NONE, MAP_SHARED | MAP_NORESERVE, empty_file, 0);
    if (empty_file < 0 || p == MAP_FAILED) fatal("cannot reserve addresses for device memory");
    base = static_cast<char*>(p);
  }

  /// The first gap of `bytes` with a page to spare on both sides.
  char* find_gap(std::size_t bytes) const {
    char* at = base + page();
    for (const auto& [p, a] : allocations) {
      if (at + bytes + page() <= a.first_page) break;
      at = a.first_page + a.mapped + page();
    }
    return at + bytes + page() <= base + kAddresses ? at : nullptr;
  }

  void protect() const {
    if (extent > 0 && mprotect(base, extent, open > 0 ? PROT_READ | PROT_WRITE : PROT_NONE) != 0)
      fatal("cannot change the protection of device memory");
  }
};

/// Never destroyed: tensors of static life free their memory after main.
Arena& arena() {
  static auto* instance = new Arena;
  return *instance;
}

std::map<const char*, std::size_t>& pinned() {
  static auto* instance = new std::map<const char*, std::size_t>;
  return *instance;
}

}  // namespace

void* device_allocate(std::size_t bytes) {
  Arena& a = arena();
  if (bytes > a.limit - a.used) return nullptr;
  const std::size_t mapped = round_up(bytes, page());
  char* at = a.find_gap(mapped);
  if (!at || mmap(at, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) ==
                 MAP_FAILED)
    fatal("cannot map " + std::to_string(bytes) + " bytes of device memory");
  std::memset(at, 0xFF, mapped);
  if (a.open == 0) mprotect(at, mapped, PROT_NONE);
  char* p = at + mapped - round_up(bytes, kUnit);
  a.allocations[p] = {bytes, at, mapped};
  a.used += bytes;
  const auto end = static_cast<std::size_t>(at + mapped + page() - a.base);
  if (end > a.extent) a.extent = end;
  return p;
}

bool device_free(void* p) {
  Arena& a = arena();
  const auto found = a.allocations.find(static_cast<char*>(p));
  if (found == a.allocations.end()) return false;
  const Allocation& gone = found->second;
  mmap(gone.first_page, gone.mapped, a.open > 0 ? PROT_READ | PROT_WRITE : PROT_NONE,
       MAP_SHARED | MAP_FIXED | MAP_NORESERVE, a.empty_file, 0);
  a.used -= gone.bytes;
  a.allocations.erase(found);
  return true;
}

std::size_t device_bytes() { return arena().limit; }
std::size_t device_bytes_used() { return arena().used; }

bool is_device_address(const void* p) {
  const auto* c = static_cast<const char*>(p);
  return c >= arena().base && c < arena().base + kAddresses;
}

bool is_device_range(const void* p, std::size_t bytes) {
  const auto found = arena().before(p);
  return found != arena().allocations.end() &&
         static_cast<const char*>(p) + bytes <= found->first + found->second.bytes;
}

std::string describe_device_address(const void* p) {
  const auto* c = static_cast<const char*>(p);
  const auto& all = arena().allocations;
  const auto before = arena().before(p);
  const auto next = before == all.end() ? all.begin() : std::next(before);
  const auto text = [](std::ptrdiff_t n) { return std::to_string(n); };
  const auto of = [](const Allocation& a) { return " an allocation of " + std::to_string(a.bytes) + " bytes"; };
  std::string s;
  if (before != all.end()) {
    const auto& [begin, a] = *before;
    const std::ptrdiff_t behind = c - (begin + a.bytes);
    if (behind < 0) return "byte " + text(c - begin) + " of" + of(a);
    s = text(behind) + " bytes behind" + of(a);
  }
  if (next != all.end()) s += (s.empty() ? "" : ", ") + text(next->first - c) + " bytes before" + of(next->second);
  return s.empty() ? "nothing is allocated" : s;
}

void* pinned_allocate(std::size_t bytes) {
  void* p = std::aligned_alloc(page(), round_up(bytes > 0 ? bytes : 1, page()));
  if (p) pinned()[static_cast<char*>(p)] = bytes;
  return p;
}

bool pinned_free(void* p) {
  if (pinned().erase(static_cast<char*>(p)) == 0) return false;
  std::free(p);
  return true;
}

bool is_pinned_range(const void* p, std::size_t bytes) {
  const auto* c = static_cast<const char*>(p);
  const auto next = pinned().upper_bound(c);
  if (next == pinned().begin()) return false;
  const auto& [begin, size] = *std::prev(next);
  return c + bytes <= begin + size;
}

DeviceAccess::DeviceAccess() {
  if (arena().open++ == 0) arena().protect();
}
DeviceAccess::~DeviceAccess() {
  if (--arena().open == 0) arena().protect();
}

AllocationAccess::AllocationAccess(const void* p) {
  const Arena& a = arena();
  if (a.open > 0 || !is_device_range(p, 1)) return;
  const Allocation& of = a.before(p)->second;
  first_page_ = of.first_page;
  bytes_ = of.mapped;
  mprotect(first_page_, bytes_, PROT_READ | PROT_WRITE);
}
AllocationAccess::~AllocationAccess() {
  if (first_page_) mprotect(first_page_, bytes_, PROT_NONE);
}

}  // namespace emulator
