// Every triplet of a batch (kernels/api/distance.h): a block an anchor, twice. First each thread owns
// negatives and meets all positives, which gives the negatives' slopes, the sum and the counts; then each
// owns positives and meets all negatives, which gives the positives' slopes. No sums cross threads but
// the anchor's totals, merged in fixed order.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/reduce.cuh"

namespace fledge::cuda {
namespace {

constexpr int kStaged = 1024;  // distances of the other side kept in shared memory

struct Rule {
  float margin, above, upto;
  bool soft;
};

/// What one triplet adds. A distance that is NaN stands for "none" and adds nothing.
struct Triplet {
  float h = 0, slope = 0;
  int mined = 0, active = 0;
};

__device__ inline Triplet meet(float positive, float negative, const Rule& rule) {
  Triplet t;
  const float gap = negative - positive;
  if (!(gap > rule.above && gap <= rule.upto)) return t;
  t.mined = 1;
  if (!rule.soft) {
    const float z = (positive + rule.margin) - negative;
    t.active = z > 0;
    t.h = t.active ? z : 0;
    t.slope = static_cast<float>(t.active);
    return t;
  }
  const float z = positive - negative, e = expf(-fabsf(z));
  t.active = z > 0;
  t.h = fmaxf(z, 0.0f) + log1pf(e);
  t.slope = t.active ? 1 / (1 + e) : e / (1 + e);
  return t;
}

/// Of one anchor: sum of h, and numbers of triplets, of those let through, of those active.
struct Totals {
  double h = 0, triplets = 0, mined = 0, active = 0;
};
struct Add {
  __device__ Totals operator()(const Totals& a, const Totals& b) const {
    return {a.h + b.h, a.triplets + b.triplets, a.mined + b.mined, a.active + b.active};
  }
};

/// Distances of columns first ... of a row where the mask says so, NaN elsewhere.
__device__ inline void stage(const float* d, const std::uint8_t* mask, int first, int columns, float* chunk) {
  for (int k = static_cast<int>(threadIdx.x); k < kStaged; k += kBlock) {
    const int j = first + k;
    chunk[k] = j < columns && mask[j] ? d[j] : nanf("");
  }
}

/// Slopes of one side's columns against the other side. OWN_NEGATIVES: the thread's columns are negatives.
template <bool OWN_NEGATIVES>
__device__ inline void side(const float* d, const std::uint8_t* own, const std::uint8_t* other, int columns,
                            const Rule& rule, float* chunk, float* slopes, Totals& totals) {
  for (int first = 0; first < columns; first += kBlock) {
    const int j = first + static_cast<int>(threadIdx.x);
    const bool mine = j < columns && own[j];
    const float distance = mine ? d[j] : 0;
    double slope = 0, h = 0;
    int mined = 0, active = 0;
    for (int start = 0; start < columns; start += kStaged) {
      __syncthreads();  // the chunk before has been read
      stage(d, other, start, columns, chunk);
      __syncthreads();
      if (!mine) continue;
      float some_slope = 0, some_h = 0;
      const int n = min(kStaged, columns - start);
      for (int k = 0; k < n; ++k) {
        const Triplet t = OWN_NEGATIVES ? meet(chunk[k], distance, rule) : meet(distance, chunk[k], rule);
        some_slope += t.slope;
        some_h += t.h;
        mined += t.mined;
        active += t.active;
      }
      slope += some_slope;
      h += some_h;
    }
    if (mine) slopes[j] = static_cast<float>(OWN_NEGATIVES ? -slope : slope);
    if (!OWN_NEGATIVES) continue;
    totals.h += h;
    totals.mined += mined;
    totals.active += active;
  }
}

__global__ void __launch_bounds__(kBlock)
    anchor(const float* d, const std::uint8_t* positive, const std::uint8_t* negative, int columns, const Rule rule,
           float* slopes, Totals* anchors) {
  __shared__ float chunk[kStaged];
  __shared__ double sums[kBlock / kWarp];
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * columns;
  d += row, positive += row, negative += row, slopes += row;
  double positives = 0, negatives = 0;
  for (int j = static_cast<int>(threadIdx.x); j < columns; j += kBlock) {
    positives += positive[j] != 0;
    negatives += negative[j] != 0;
    if (!positive[j] && !negative[j]) slopes[j] = 0;
  }
  Totals totals;
  side<true>(d, negative, positive, columns, rule, chunk, slopes, totals);
  Totals unused;
  side<false>(d, positive, negative, columns, rule, chunk, slopes, unused);
  const auto fold = [&](double v) {
    __syncthreads();
    return block_fold<kBlock>(v, sums, Sum{});
  };
  totals.h = fold(totals.h);
  totals.mined = fold(totals.mined);
  totals.active = fold(totals.active);
  positives = fold(positives);
  totals.triplets = positives * fold(negatives);
  if (threadIdx.x == 0) anchors[blockIdx.x] = totals;
}

/// One block: the anchors' totals in order, then value and counts; scale: what the slopes are to be multiplied with.
__global__ void __launch_bounds__(kBlock)
    finish(const Totals* anchors, int rows, bool soft, float* value, double* counts, float* scale) {
  __shared__ double sums[kBlock / kWarp];
  Totals all;
  for (int a = static_cast<int>(threadIdx.x); a < rows; a += kBlock) all = Add{}(all, anchors[a]);
  const auto fold = [&](double v) {
    __syncthreads();
    return block_fold<kBlock>(v, sums, Sum{});
  };
  all = {fold(all.h), fold(all.triplets), fold(all.mined), fold(all.active)};
  if (threadIdx.x != 0) return;
  const double count = soft ? all.mined : all.active, factor = count > 0 ? 1 / count : 0;
  *value = static_cast<float>(all.h * factor);
  counts[0] = all.triplets;
  counts[1] = all.mined;
  counts[2] = all.active;
  *scale = static_cast<float>(factor);
}

__global__ void __launch_bounds__(kBlock) scale_slopes(std::int64_t n, const float* scale, float* slopes) {
  const float factor = *scale;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kBlock;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kBlock + threadIdx.x; i < n; i += step)
    slopes[i] *= factor;
}

}  // namespace

void all_triplets(ExecContext&, const TensorView& d, const TensorView& positive, const TensorView& negative,
                  const TripletParams& p, const TensorView& value, const TensorView& counts,
                  const TensorView& gradient) {
  constexpr const char* op = "all_triplets";
  constexpr double kLargest = 3.4028234663852886e38;
  const Rule rule{static_cast<float>(p.margin), static_cast<float>(p.above < -kLargest ? -kLargest : p.above),
                  static_cast<float>(p.upto > kLargest ? kLargest : p.upto), p.soft};
  const int rows = static_cast<int>(d.dims[0]), columns = static_cast<int>(d.dims[1]);
  const Scratch memory(static_cast<std::size_t>(rows) * sizeof(Totals) + sizeof(float));
  auto* anchors = memory.as<Totals>();
  auto* scale = reinterpret_cast<float*>(anchors + rows);
  launch(op, &anchor, static_cast<unsigned>(rows), kBlock, d.as<float>(), positive.as<std::uint8_t>(),
         negative.as<std::uint8_t>(), columns, rule, gradient.as<float>(), anchors);
  launch(op, &finish, 1, kBlock, anchors, rows, p.soft, value.as<float>(), counts.as<double>(), scale);
  const std::int64_t n = d.numel();
  launch(op, &scale_slopes, grid_for(n, kBlock), kBlock, n, scale, gradient.as<float>());
}

}  // namespace fledge::cuda
