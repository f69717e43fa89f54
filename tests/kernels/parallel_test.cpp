// The division of work among threads: every part once, whoever is late.
#include "kernels/cpu/parallel.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <vector>

using namespace fledge;
using namespace fledge::cpu;

TEST_CASE("parallel: every item once, in both orders", "[parallel]") {
  for (const int threads : {1, 2, 3, 70})
    for (const std::int64_t n : {0, 1, 2, 7, 8, 1000})
      for (const Order order : {Order::Forwards, Order::Backwards}) {
        std::vector<std::atomic<int>> taken(static_cast<std::size_t>(n));
        parallel_for(
            threads, n, 1,
            [&](std::int64_t begin, std::int64_t end) {
              for (std::int64_t i = begin; i < end; ++i) ++taken[static_cast<std::size_t>(i)];
            },
            order);
        for (const auto& t : taken) CHECK(t == 1);
      }
}

TEST_CASE("parallel: each thread goes through its run, then takes over others'", "[parallel]") {
  std::vector<int> seen;
  PartQueue forwards(2, 8, Order::Forwards);
  forwards.work(1, [&](int part) { seen.push_back(part); });
  CHECK(seen == std::vector<int>{4, 5, 6, 7, 0, 1, 2, 3});
  seen.clear();
  PartQueue backwards(2, 8, Order::Backwards);
  backwards.work(0, [&](int part) { seen.push_back(part); });
  CHECK(seen == std::vector<int>{3, 2, 1, 0, 7, 6, 5, 4});
  seen.clear();
  backwards.work(1, [&](int part) { seen.push_back(part); });
  CHECK(seen.empty());
}

TEST_CASE("parallel: what a late thread has not begun, others do", "[parallel]") {
  // One thread waits until all but its own part are done, which with a fixed half each would not happen.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::atomic<int> done{0}, in_time{0};
  std::atomic<bool> first{true};
  parallel_parts(2, 8, 8, [&](int, int, std::int64_t, std::int64_t) {
    if (first.exchange(false))
      while (done < 7 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    in_time += std::chrono::steady_clock::now() < deadline;
    ++done;
  });
  CHECK(done == 8);
  CHECK(in_time == 8);
}

TEST_CASE("parallel: threads with memory of their own are below the number asked for", "[parallel]") {
  std::atomic<int> wrong{0};
  parallel_threads(3, 100, [&](int thread, std::int64_t, std::int64_t) { wrong += thread < 0 || thread >= 3; });
  CHECK(wrong == 0);
}

TEST_CASE("parallel: parts of sums: one thread has one, invariant to threads they depend on sizes", "[parallel]") {
  ExecContext one(1), two(2), many(40);
  CHECK(sum_parts(one, 1000, 1) == 1);
  CHECK(sum_parts(two, 1000, 1) == 8);
  CHECK(sum_parts(two, 1000, 300) == 3);
  CHECK(sum_parts(two, 1000, 600) == 1);
  CHECK(sum_parts(many, 1000, 1) == 40);
  set_thread_invariant(true);
  for (ExecContext* c : {&one, &two, &many}) {
    CHECK(sum_parts(*c, 1000, 1) == kFixedParts);
    CHECK(sum_parts(*c, 1000, 300) == 3);
  }
  set_thread_invariant(false);
}
