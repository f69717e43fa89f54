// Best fit with splitting and merging inside segments taken from the driver.
#include "kernels/cuda/runtime/allocator.h"

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "base/environment.h"
#include "kernels/cuda/runtime/memory_text.h"
#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cuda/runtime/streams.h"

namespace fledge::cuda {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kRound = 512;   // sizes of blocks
constexpr std::size_t kSmall = kMiB;  // blocks up to this size share segments of kSmallSegment
constexpr std::size_t kSmallSegment = 2 * kMiB;
constexpr std::size_t kLargeSegment = 20 * kMiB;  // for blocks below half of it; larger ones get their own
constexpr std::size_t kLargeRound = 2 * kMiB;

std::size_t round_up(std::size_t n, std::size_t step) { return (n + step - 1) / step * step; }

/// Who may use a block without waiting.
struct Owner {
  PoolId pool;
  cudaStream_t stream;
  friend bool operator==(const Owner&, const Owner&) = default;
  friend auto operator<=>(const Owner& a, const Owner& b) = default;
};

/// A piece of a segment; pieces of one segment form a list in the order of their addresses.
struct Block {
  char* data;
  std::size_t bytes;
  Owner owner;
  bool small, used = false;
  Block *before = nullptr, *after = nullptr;

  bool whole_segment() const { return !before && !after; }
};

struct BySize {
  bool operator()(const Block* a, const Block* b) const {
    return a->bytes != b->bytes ? a->bytes < b->bytes : a->data < b->data;
  }
};
using FreeList = std::set<Block*, BySize>;

/// The thread may do what a recording would forbid.
class Relaxed {
 public:
  Relaxed() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~Relaxed() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  Relaxed(const Relaxed&) = delete;
  Relaxed& operator=(const Relaxed&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

class Allocator {
 public:
  void* allocate(std::size_t bytes, Owner owner) {
    const std::lock_guard lock(mutex_);
    const std::size_t wanted = round_up(bytes, kRound);
    Block* block = direct_ ? new_segment(wanted, owner, wanted <= kSmall, wanted) : find_or_make(wanted, owner);
    block->used = true;
    used_.emplace(block->data, block);
    memory_.in_use += block->bytes;
    if (memory_.in_use > memory_.peak_in_use) memory_.peak_in_use = memory_.in_use;
    return block->data;
  }

  void deallocate(void* p) {
    const std::lock_guard lock(mutex_);
    const auto found = used_.find(p);
    if (found == used_.end()) return;  // the process is ending and the allocator's memory is gone
    Block* block = found->second;
    used_.erase(found);
    block->used = false;
    memory_.in_use -= block->bytes;
    if (released_.count(block->owner.pool)) block->owner.pool = 0;
    if (direct_ && block->owner.pool == 0) return give_back(block);
    free_[block->owner].insert(merge(block));
  }

  void release_pool(PoolId pool) {
    const std::lock_guard lock(mutex_);
    released_.insert(pool);
    for (auto it = free_.begin(); it != free_.end();) {
      if (it->first.pool != pool) {
        ++it;
        continue;
      }
      const FreeList blocks = std::move(it->second);
      it = free_.erase(it);
      for (Block* b : blocks) {
        b->owner.pool = 0;
        if (direct_)
          give_back(b);
        else
          free_[b->owner].insert(b);
      }
    }
  }

  DeviceMemory memory() {
    const std::lock_guard lock(mutex_);
    return memory_;
  }
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    memory_.peak_in_use = memory_.in_use;
  }
  void release_cached() {
    const std::lock_guard lock(mutex_);
    release_whole_segments();
  }

 private:
  Block* find_or_make(std::size_t wanted, const Owner& owner) {
    const bool small = wanted <= kSmall;
    if (Block* found = best_fit(wanted, owner, small)) return split(found, wanted);
    const std::size_t segment = small                        ? kSmallSegment
                                : wanted < kLargeSegment / 2 ? kLargeSegment
                                                             : round_up(wanted, kLargeRound);
    return split(new_segment(segment, owner, small, wanted), wanted);
  }

  Block* best_fit(std::size_t wanted, const Owner& owner, bool small) {
    const auto list = free_.find(owner);
    if (list == free_.end()) return nullptr;
    Block key{nullptr, wanted, owner, small};
    for (auto it = list->second.lower_bound(&key); it != list->second.end(); ++it) {
      // A big free block is not broken up for a little: at most the remainder a new segment would leave.
      if (!small && (*it)->bytes > wanted + wanted / 2 + kLargeSegment) break;  // and so are all behind it
      if ((*it)->small != small) continue;
      Block* found = *it;
      list->second.erase(it);
      return found;
    }
    return nullptr;
  }

  /// The first `wanted` bytes of a free block that is in no list; the rest goes back to its owner's list.
  Block* split(Block* block, std::size_t wanted) {
    const std::size_t rest = block->bytes - wanted;
    if (rest < (block->small ? kRound : kSmall)) return block;
    auto* tail = new Block{block->data + wanted, rest, block->owner, block->small};
    tail->before = block;
    tail->after = block->after;
    if (tail->after) tail->after->before = tail;
    block->after = tail;
    block->bytes = wanted;
    free_[tail->owner].insert(tail);
    return block;
  }

  /// One block of `block` and its free neighbours of the same owner, in no list.
  Block* merge(Block* block) {
    const auto join = [&](Block* first, Block* second) {
      first->bytes += second->bytes;
      first->after = second->after;
      if (first->after) first->after->before = first;
      delete second;
      return first;
    };
    const auto takes = [&](Block* b) {
      if (!b || b->used || b->owner != block->owner) return false;
      return free_[b->owner].erase(b) == 1;
    };
    if (takes(block->before)) block = join(block->before, block);
    if (takes(block->after)) block = join(block, block->after);
    return block;
  }

  Block* new_segment(std::size_t bytes, const Owner& owner, bool small, std::size_t wanted) {
    void* p = nullptr;
    cudaError_t status = driver_allocate(&p, bytes);
    if (status == cudaErrorMemoryAllocation && owner.pool == 0) {  // waiting is not allowed while a step is recorded
      release_whole_segments();
      status = driver_allocate(&p, bytes);
    }
    if (status == cudaErrorMemoryAllocation) fail(wanted);
    check(status, "allocate");
    memory_.reserved += bytes;
    return new Block{static_cast<char*>(p), bytes, owner, small};
  }

  /// cudaMalloc, also while the thread records: it takes part in no stream.
  static cudaError_t driver_allocate(void** p, std::size_t bytes) {
    const Relaxed relaxed;
    const cudaError_t status = cudaMalloc(p, bytes);
    if (status != cudaSuccess) cudaGetLastError();
    return status;
  }

  void give_back(Block* segment) {
    memory_.reserved -= segment->bytes;
    const Relaxed relaxed;    // a tensor from before may go while the thread records
    cudaFree(segment->data);  // waits for all work that may still use it
    delete segment;
  }

  void release_whole_segments() {
    for (auto& [owner, list] : free_) {
      if (owner.pool != 0) continue;
      for (auto it = list.begin(); it != list.end();) {
        Block* block = *it;
        if (!block->whole_segment()) {
          ++it;
          continue;
        }
        it = list.erase(it);
        give_back(block);
      }
    }
  }

  [[noreturn]] void fail(std::size_t wanted) {
    std::size_t free_bytes = 0, total = 0;
    cudaMemGetInfo(&free_bytes, &total);
    throw Error(ErrorKind::Resource, "",
                std::string(kOutOfGpuMemory) + ": " + bytes_text(wanted) + " do not fit: " +
                    bytes_text(memory_.in_use) + " in use, " + bytes_text(memory_.reserved - memory_.in_use) +
                    " cached, " + bytes_text(free_bytes) + " free on the device of " + bytes_text(total),
                "use a smaller --batch-size or picture size, or --precision bf16");
  }

  const bool direct_ = environment("FLEDGE_CUDA_ALLOCATOR") == "direct";
  std::mutex mutex_;
  std::map<Owner, FreeList> free_;
  std::unordered_map<void*, Block*> used_;
  std::set<PoolId> released_;  // private pools whose graph is gone
  DeviceMemory memory_;
};

/// Never destroyed: tensors of static life free their memory after main.
Allocator& allocator() {
  static auto* instance = new Allocator;
  return *instance;
}

thread_local PoolId thread_pool = 0;

}  // namespace

void* allocate(std::size_t bytes) { return allocator().allocate(bytes, {thread_pool, stream()}); }
void deallocate(void* p, std::size_t) { allocator().deallocate(p); }

PoolId begin_private_pool() {
  static std::mutex mutex;
  static PoolId last = 0;
  const std::lock_guard lock(mutex);
  return thread_pool = ++last;
}
void end_private_pool() { thread_pool = 0; }
void release_private_pool(PoolId pool) { allocator().release_pool(pool); }

DeviceMemory memory() { return allocator().memory(); }
void reset_peak_memory() { allocator().reset_peak(); }
void release_cached_memory() { allocator().release_cached(); }

}  // namespace fledge::cuda
