// A block's threads begin one after another on one fiber, for as long as none has to wait: a kernel without barriers
// costs a function call per thread. A thread that waits keeps its fiber, and the next threads get another one.
#include "block.h"

#include <cstring>
#include <vector>

#include "fibers.h"
#include "report.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulator {
namespace {

constexpr int kWarp = 32, kMostThreads = 1024;

enum class State : unsigned char { Ready, AtBarrier, InWarp, Ended };

struct Thread {
  uint3 index;
  int number;
  State state;
  Fiber* fiber;
  Where where;  // it waits
  // Of a warp function: what the lane brings, and what it gets.
  unsigned mask;
  std::uint64_t value;
  int source;
  bool vote;
  WarpAnswer answer;
};

const Kernel* kernel = nullptr;
Thread threads[kMostThreads];
Thread* current = nullptr;
int count, started, ended, at_barrier;
unsigned arrived[kMostThreads / kWarp];  // lanes of each warp that wait in a warp function
bool backwards;                          // threads begin at the last one

/// Threads that can go on, in the order in which they became ready.
struct Queue {
  Thread* waiting[kMostThreads];
  int first = 0, size = 0;

  void push(Thread* t) { waiting[(first + size++) % kMostThreads] = t; }
  Thread* pop() {
    Thread* t = waiting[first];
    first = (first + 1) % kMostThreads;
    --size;
    return t;
  }
} ready;

std::vector<Fiber*> idle;

std::string triple(unsigned x, unsigned y, unsigned z) {
  return "[" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + "]";
}
std::string place(const Where& w) {
  const char* slash = std::strrchr(w.file_name(), '/');
  return std::string(slash ? slash + 1 : w.file_name()) + ":" + std::to_string(w.line());
}
bool same_place(const Where& a, const Where& b) {
  return a.line() == b.line() && (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

/// What every fiber does: threads from their beginning to their end, until some thread that waited can go on.
void fiber_body() {
  for (;;) {
    while (started < count && ready.size == 0) {
      Thread* t = &threads[backwards ? count - 1 - started : started];
      ++started;
      current = t;
      threadIdx = t->index;
      kernel->thread();
      t->state = State::Ended;
      ++ended;
    }
    current = nullptr;
    leave();
  }
}

void wait(State state) {
  current->state = state;
  leave();
}

void make_ready(Thread* t) {
  t->state = State::Ready;
  ready.push(t);
}

[[noreturn]] void diverged() {
  int barrier = 0, warp = 0;
  std::string lines;
  const Thread* last = nullptr;
  for (int i = 0; i < count; ++i) {
    const Thread& t = threads[i];
    barrier += t.state == State::AtBarrier;
    warp += t.state == State::InWarp;
    if (t.state == State::Ended || (last && last->state == t.state && same_place(last->where, t.where))) continue;
    last = &t;
    if (lines.size() < 2000)
      lines += "\n  thread " + triple(t.index.x, t.index.y, t.index.z) + " and followers wait " +
               (t.state == State::AtBarrier ? "at the barrier of " : "in the warp function of ") + place(t.where);
  }
  current = nullptr;
  fatal("divergence: of " + std::to_string(count) + " threads " + std::to_string(barrier) + " wait at a barrier, " +
        std::to_string(warp) + " in a warp function, and " + std::to_string(ended) + " have ended" + lines);
}

void run_block() {
  started = ended = at_barrier = 0;
  std::memset(arrived, 0, sizeof arrived);
  ready = {};
  while (ended < count) {
    Fiber* fiber = nullptr;
    if (ready.size > 0) {
      current = ready.pop();
      threadIdx = current->index;
      fiber = current->fiber;
    } else if (started < count) {
      if (idle.empty()) idle.push_back(make_fiber(&fiber_body));
      fiber = idle.back();
      idle.pop_back();
    } else {
      diverged();
    }
    enter(fiber);
    if (current)
      current->fiber = fiber;  // it waits there
    else
      idle.push_back(fiber);
  }
}

void set_threads(dim3 block) {
  count = static_cast<int>(block.x * block.y * block.z);
  int n = 0;
  for (unsigned z = 0; z < block.z; ++z)
    for (unsigned y = 0; y < block.y; ++y)
      for (unsigned x = 0; x < block.x; ++x, ++n) {
        threads[n].index = {x, y, z};
        threads[n].number = n;
      }
}

}  // namespace

void run_kernel(const Kernel& k) {
  static unsigned launches = 0;
  kernel = &k;
  gridDim = k.grid;
  blockDim = k.block;
  set_threads(k.block);
  // Every other launch goes backwards through its blocks, and every other block through its threads: what depends on
  // an order that the device does not promise goes wrong in one of them.
  const bool from_last_block = ++launches % 2 == 0;
  const std::uint64_t blocks = std::uint64_t{k.grid.x} * k.grid.y * k.grid.z;
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const std::uint64_t b = from_last_block ? blocks - 1 - i : i;
    blockIdx = {static_cast<unsigned>(b % k.grid.x), static_cast<unsigned>(b / k.grid.x % k.grid.y),
                static_cast<unsigned>(b / k.grid.x / k.grid.y)};
    backwards = (b + launches) % 2 == 0;
    run_block();
  }
  kernel = nullptr;
}

bool inside_kernel() { return kernel != nullptr; }

std::string where_text() {
  if (!kernel) return "";
  std::string s = "kernel " + function_name(kernel->function) + " block " + triple(blockIdx.x, blockIdx.y, blockIdx.z) +
                  " of " + triple(gridDim.x, gridDim.y, gridDim.z);
  if (current) s += " thread " + triple(current->index.x, current->index.y, current->index.z);
  return s + " of " + triple(blockDim.x, blockDim.y, blockDim.z);
}

void barrier(const Where& where) {
  static Where first;
  if (at_barrier == 0) first = where;
  if (!same_place(first, where))
    fatal("divergence: threads of a block wait at different barriers, of " + place(first) + " and " + place(where));
  current->where = where;
  if (++at_barrier < count) return wait(State::AtBarrier);
  at_barrier = 0;
  for (int i = 0; i < count; ++i) {
    Thread& t = threads[backwards ? count - 1 - i : i];
    if (&t != current) make_ready(&t);
  }
}

int lane() { return current->number % kWarp; }

WarpAnswer warp_exchange(unsigned mask, std::uint64_t value, int source_lane, bool vote, const Where& where) {
  Thread& self = *current;
  const int warp = self.number / kWarp;
  Thread* lanes = threads + warp * kWarp;
  if (!(mask >> lane() & 1)) fatal("a lane calls the warp function of " + place(where) + " and is not in its mask");
  self.where = where;
  self.mask = mask;
  self.value = value;
  self.source = source_lane;
  self.vote = vote;
  arrived[warp] |= 1u << lane();
  if ((arrived[warp] & mask) != mask) {
    wait(State::InWarp);
    return self.answer;
  }
  arrived[warp] &= ~mask;
  unsigned ballot = 0;
  for (int i = 0; i < kWarp; ++i) {
    if (!(mask >> i & 1)) continue;
    if (lanes[i].mask != mask || !same_place(lanes[i].where, where))
      fatal("divergence: lanes of a warp meet in different warp functions, of " + place(where) + " and " +
            place(lanes[i].where));
    if (!(mask >> lanes[i].source & 1))
      fatal("the warp function of " + place(where) + " reads lane " + std::to_string(lanes[i].source) +
            ", which is not in its mask");
    ballot |= static_cast<unsigned>(lanes[i].vote) << i;
  }
  for (int i = 0; i < kWarp; ++i) {
    if (!(mask >> i & 1)) continue;
    lanes[i].answer = {lanes[lanes[i].source].value, ballot};
    if (&lanes[i] != &self) make_ready(&lanes[i]);
  }
  return self.answer;
}

}  // namespace emulator
