// The k first of each row in order. One block a row: a radix select over keys of value and column (order.cuh) finds the
// k-th key, 11 bits a pass, and stops as soon as the keys above are exactly k; those are gathered and sorted.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/order.cuh"
#include "kernels/cuda/device/reduce.cuh"

namespace fledge::cuda {
namespace {

using Key = unsigned long long;

constexpr int kDigit = 11, kBins = 1 << kDigit, kBinsEach = kBins / kBlock;
constexpr int kSharedKeys = 2048;                          // more are sorted in global memory
constexpr std::size_t kSpillBytes = std::size_t{1} << 28;  // of that memory, at most, for rows done together

struct TopK {
  const float* x;
  float* value;
  std::int64_t* index;
  int columns, k, padded;  // padded: the power of two that holds k
  bool largest;
};

/// What the threads of a block tell each other.
struct Choice {
  unsigned bin, above, held;  // the bin in which the k-th key lies, keys in higher bins, keys in it
};

/// Finds, counting down from the highest bin, where the `needed`-th key lies.
__device__ void choose_bin(const unsigned* bins, unsigned needed, unsigned* warp_sums, Choice& choice) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp, warp = thread / kWarp;
  const int top = kBins - 1 - thread * kBinsEach;
  unsigned own = 0;
  for (int i = 0; i < kBinsEach; ++i) own += bins[top - i];
  unsigned through = own;  // the warp's sums up to and with this thread
  for (int offset = 1; offset < kWarp; offset *= 2) {
    const unsigned other = __shfl_up_sync(kAllLanes, through, offset);
    if (lane >= offset) through += other;
  }
  if (lane == kWarp - 1) warp_sums[warp] = through;
  __syncthreads();
  for (int w = 0; w < warp; ++w) through += warp_sums[w];
  unsigned above = through - own;
  if (above < needed && needed <= through) {
    for (int i = 0; i < kBinsEach; ++i) {
      const unsigned held = bins[top - i];
      if (above + held >= needed) {
        choice = {static_cast<unsigned>(top - i), above, held};
        break;
      }
      above += held;
    }
  }
  __syncthreads();
}

/// Descending; n: a power of two. All threads of the block.
__device__ void bitonic_sort(Key* keys, int n) {
  for (int run = 2; run <= n; run *= 2)
    for (int step = run / 2; step > 0; step /= 2) {
      for (int i = static_cast<int>(threadIdx.x); i < n / 2; i += kBlock) {
        const int low = i / step * 2 * step + i % step, high = low + step;
        const Key a = keys[low], b = keys[high];
        if ((a < b) == ((low & run) == 0)) {
          keys[low] = b;
          keys[high] = a;
        }
      }
      __syncthreads();
    }
}

/// spill: `padded` keys for every row of this launch, or null. first_row: of this launch.
__global__ void __launch_bounds__(kBlock) top_k(TopK p, std::int64_t first_row, Key* spill) {
  __shared__ unsigned bins[kBins];
  __shared__ unsigned warp_sums[kBlock / kWarp];
  __shared__ Key shared_keys[kSharedKeys];
  __shared__ Choice choice;
  __shared__ unsigned gathered;
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t row = first_row + blockIdx.x;
  const float* from = p.x + row * p.columns;
  Key* keys = spill ? spill + static_cast<std::int64_t>(blockIdx.x) * p.padded : shared_keys;

  Key prefix = 0;  // of the k-th key, as far as it is known: key >> shift
  int shift = 64;
  unsigned needed = static_cast<unsigned>(p.k);
  while (shift > 0) {
    const int width = shift < kDigit ? shift : kDigit, below = shift - width;
    for (int i = thread; i < kBins; i += kBlock) bins[i] = 0;
    __syncthreads();
    for (int c = thread; c < p.columns; c += kBlock) {
      const Key key = order_key(from[c], static_cast<std::uint32_t>(c), p.largest);
      if (shift == 64 || key >> shift == prefix)
        atomicAdd(&bins[static_cast<unsigned>(key >> below) & (kBins - 1) & ((1u << width) - 1)], 1u);
    }
    __syncthreads();
    choose_bin(bins, needed, warp_sums, choice);
    const Choice found = choice;
    needed -= found.above;
    prefix = prefix << width | found.bin;
    shift = below;
    __syncthreads();
    if (found.held == needed) break;  // all keys of this prefix belong to the k
  }

  if (thread == 0) gathered = 0;
  for (int i = p.k + thread; i < p.padded; i += kBlock) keys[i] = 0;
  __syncthreads();
  for (int c = thread; c < p.columns; c += kBlock) {
    const Key key = order_key(from[c], static_cast<std::uint32_t>(c), p.largest);
    if (key >> shift >= prefix) keys[atomicAdd(&gathered, 1u)] = key;  // in any order: keys differ, and are sorted
  }
  __syncthreads();
  bitonic_sort(keys, p.padded);
  for (int i = thread; i < p.k; i += kBlock) {
    const std::int64_t column = column_of(keys[i]);
    p.value[row * p.k + i] = from[column];
    p.index[row * p.k + i] = column;
  }
}

}  // namespace

void row_top_k(ExecContext&, bool largest, const TensorView& x, const TensorView& value, const TensorView& index) {
  const std::int64_t rows = x.dims[0], k = value.dims[1];
  if (rows == 0 || k == 0) return;
  TopK p{
      x.as<float>(), value.as<float>(), index.as<std::int64_t>(), static_cast<int>(x.dims[1]), static_cast<int>(k), 1,
      largest};
  while (p.padded < k) p.padded *= 2;
  if (p.padded <= kSharedKeys)
    return launch("row_top_k", &top_k, static_cast<unsigned>(rows), kBlock, p, std::int64_t{0},
                  static_cast<Key*>(nullptr));
  const std::size_t row_bytes = static_cast<std::size_t>(p.padded) * sizeof(Key);
  const std::int64_t most = kSpillBytes > row_bytes ? static_cast<std::int64_t>(kSpillBytes / row_bytes) : 1;
  const std::int64_t together = rows < most ? rows : most;
  const Scratch spill(static_cast<std::size_t>(together) * row_bytes);
  for (std::int64_t row = 0; row < rows; row += together)
    launch("row_top_k", &top_k, static_cast<unsigned>(rows - row < together ? rows - row : together), kBlock, p, row,
           spill.as<Key>());
}

}  // namespace fledge::cuda
