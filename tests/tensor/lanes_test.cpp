// Lanes: each item once, contexts of one thread, errors.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/error.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/lanes.h"

using namespace fledge;

namespace {

struct Threads {
  explicit Threads(int n) : before(num_threads()) { set_num_threads(n); }
  ~Threads() { set_num_threads(before); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  int before;
};

}  // namespace

TEST_CASE("lanes: every item once, by as many threads as there are", "[lanes]") {
  for (const int threads : {1, 2, 5})
    for (const std::int64_t items : {0, 1, 2, 3, 64}) {
      const Threads scope(threads);
      std::vector<std::atomic<int>> taken(static_cast<std::size_t>(items));
      std::mutex mutex;
      std::set<std::thread::id> by;
      in_lanes(items, [&](std::int64_t item) {
        ++taken[static_cast<std::size_t>(item)];
        const std::lock_guard lock(mutex);
        by.insert(std::this_thread::get_id());
      });
      for (const auto& n : taken) CHECK(n == 1);
      CHECK(static_cast<int>(by.size()) <= threads);
    }
}

TEST_CASE("lanes: two items are computed at the same time", "[lanes]") {
  const Threads scope(2);
  std::atomic<int> met{0}, alone{0};
  in_lanes(2, [&](std::int64_t) {
    ++met;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (met < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    alone += met < 2;
  });
  CHECK(alone == 0);
}

TEST_CASE("lanes: contexts stay, whatever other teams of threads there are", "[lanes]") {
  const Threads scope(4);
  const auto contexts = [] {
    std::mutex mutex;
    std::set<const ExecContext*> all;
    std::atomic<int> met{0};
    in_lanes(4, [&](std::int64_t) {
      ++met;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (met < 4 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      const std::lock_guard lock(mutex);
      all.insert(&context());
    });
    return all;
  };
  const auto before = contexts();
  CHECK(before.size() == 4);
  CHECK(before.count(&context()) == 0);
  in_lanes(2, [](std::int64_t) {});  // a smaller team: the other threads may end
  CHECK(contexts() == before);
}

TEST_CASE("lanes: none while somebody wants them in order", "[lanes]") {
  const Threads scope(2);
  const NoLanes in_order;
  std::vector<std::int64_t> items;
  in_lanes(5, [&](std::int64_t item) {
    items.push_back(item);
    CHECK(num_threads() == 2);
  });
  CHECK(items == std::vector<std::int64_t>{0, 1, 2, 3, 4});
}

TEST_CASE("lanes: a context of one thread inside, with the caller's precision; as it was behind", "[lanes]") {
  const Threads scope(2);
  {
    const PrecisionScope precision(Precision::Int16);
    std::atomic<int> wrong{0};
    in_lanes(16, [&](std::int64_t) {
      if (num_threads() != 1 || context().precision != Precision::Int16) ++wrong;
      in_lanes(2, [&](std::int64_t) {  // inside a lane: the same thread's
        if (num_threads() != 1) ++wrong;
      });
    });
    CHECK(wrong == 0);
    CHECK(num_threads() == 2);
    CHECK(context().precision == Precision::Int16);
  }
  std::atomic<int> wrong{0};
  in_lanes(16, [&](std::int64_t) { wrong += context().precision != Precision::Strict; });
  CHECK(wrong == 0);
  in_lanes(1, [&](std::int64_t) { wrong += num_threads() != 2; });
  CHECK(wrong == 0);
}

TEST_CASE("lanes: the first item's error comes out, when all have ended", "[lanes]") {
  for (const int threads : {1, 2}) {
    const Threads scope(threads);
    std::atomic<int> running{0};
    const auto fails = [&](std::int64_t item) {
      ++running;
      const Tensor t = full({64}, static_cast<double>(item));  // is given back
      --running;
      if (item >= 3) throw Error(ErrorKind::Usage, "item", "number " + std::to_string(item));
    };
    CHECK_THROWS_WITH(in_lanes(100, fails), Catch::Contains("number 3"));
    CHECK(running == 0);
    CHECK(num_threads() == threads);
  }
}

TEST_CASE("lanes: threads write parts of one tensor", "[lanes]") {
  const Threads scope(4);
  const Tensor all = Tensor::empty({64, 1000});
  const std::uint64_t before = all.version();
  in_lanes(64, [&](std::int64_t i) { all.slice(0, i, 1).copy_from(full({1, 1000}, static_cast<double>(i))); });
  CHECK(all.version() == before + 64);
  for (std::int64_t i = 0; i < 64; ++i) CHECK(all.data<float>()[i * 1000 + 999] == static_cast<float>(i));
}
