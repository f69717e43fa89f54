// The host's allocator: what is given back is handed out again, and neighbors become one block.
#include "kernels/cpu/allocator.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "kernels/cpu/arena.h"
#include "tests/support/sanitized.h"

using namespace fledge;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::size_t asked() { return cpu::allocator_stats().asked; }

}  // namespace

TEST_CASE("allocator: a small block is handed out again to who wants as much", "[allocator]") {
  void* const a = cpu::allocate(1000);
  cpu::deallocate(a, 1000);
  const std::size_t before = asked();
  void* const b = cpu::allocate(1010);  // rounded to the same
  CHECK(b == a);
  CHECK(asked() == before);
  cpu::deallocate(b, 1010);
}

TEST_CASE("allocator: blocks are aligned and apart, of every size", "[allocator]") {
  struct Block {
    unsigned char* at;
    std::size_t bytes;
  };
  std::vector<Block> blocks;
  unsigned char mark = 0;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{1025}, kMiB - 1, kMiB,
                                  kMiB + 1, 3 * kMiB + 5, 40 * kMiB, kMiB, 7 * kMiB}) {
    blocks.push_back({static_cast<unsigned char*>(cpu::allocate(bytes)), bytes});
    CHECK(reinterpret_cast<std::uintptr_t>(blocks.back().at) % 64 == 0);
    std::memset(blocks.back().at, ++mark, bytes);
  }
  mark = 0;
  for (const Block& b : blocks) {
    ++mark;
    CHECK(std::all_of(b.at, b.at + b.bytes, [&](unsigned char v) { return v == mark; }));
  }
  const std::size_t in_use = cpu::allocator_stats().in_use;
  std::size_t given = 0;
  for (const Block& b : blocks) cpu::deallocate(b.at, b.bytes), given += b.bytes;
  CHECK(cpu::allocator_stats().in_use + given <= in_use);
}

TEST_CASE("allocator: neighbors that were given back make room for a larger block", "[allocator]") {
  cpu::release_cached();
  std::vector<void*> blocks;
  for (int i = 0; i < 6; ++i) blocks.push_back(cpu::allocate(4 * kMiB));
  const std::size_t before = asked();
  for (const int i : {1, 3, 2}) cpu::deallocate(blocks[i], 4 * kMiB);
  void* const wide = cpu::allocate(12 * kMiB);
  CHECK(asked() == before);
  CHECK(wide == std::min({blocks[1], blocks[2], blocks[3]}));

  cpu::deallocate(wide, 12 * kMiB);
  void* const part = cpu::allocate(2 * kMiB);  // and can be divided again
  void* const rest = cpu::allocate(10 * kMiB);
  CHECK(asked() == before);
  cpu::deallocate(part, 2 * kMiB);
  cpu::deallocate(rest, 10 * kMiB);
  for (const int i : {0, 4, 5}) cpu::deallocate(blocks[i], 4 * kMiB);
}

TEST_CASE("allocator: the smallest hole that is large enough", "[allocator]") {
  cpu::Arena arena;
  REQUIRE(arena.grow(64 * kMiB));
  CHECK(arena.free_bytes() == 64 * kMiB);
  std::vector<char*> at;
  const std::size_t sizes[] = {8, 1, 4, 1, 6, 44};
  for (const std::size_t n : sizes) at.push_back(static_cast<char*>(arena.take(n * kMiB)));
  CHECK(arena.free_bytes() == 0);
  CHECK(arena.take(kMiB) == nullptr);
  for (const int i : {0, 2, 4}) arena.put(at[i], sizes[i] * kMiB);  // holes of 8, 4 and 6
  CHECK(arena.take(5 * kMiB) == at[4]);
  CHECK(arena.take(4 * kMiB) == at[2]);
  CHECK(arena.take(9 * kMiB) == nullptr);

  // Growing takes what is free at the end into account.
  arena.put(at[5], 44 * kMiB);
  REQUIRE(arena.grow(50 * kMiB));
  CHECK(arena.take(50 * kMiB) == at[5] - kMiB);  // with what is left of the hole of 6 in front of it
}

TEST_CASE("allocator: what is kept can be given back, and too much is an error that says how much", "[allocator]") {
  void* const a = cpu::allocate(9 * kMiB);
  cpu::deallocate(a, 9 * kMiB);
  CHECK(cpu::allocator_stats().cached >= 9 * kMiB);
  cpu::release_cached();
  CHECK(cpu::allocator_stats().cached == 0);
  if (test::kSanitized) return;  // asan ends the process
  for (const std::size_t bytes : {std::size_t{1} << 59, ~std::size_t{0}})
    CHECK_THROWS_WITH(cpu::allocate(bytes), Catch::Contains("cannot allocate " + std::to_string(bytes)));
  void* const again = cpu::allocate(9 * kMiB);
  std::memset(again, 1, 9 * kMiB);
  cpu::deallocate(again, 9 * kMiB);
}
