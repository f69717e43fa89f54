#include "nn/retrieval/frame.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>

#include "tensor/context.h"

// One copy of a hot function for each instruction set; the loader takes the best one. All copies give the same sums:
// their order is fixed, and the project compiles as ISO C++, so that products and sums are not contracted. (k-means
// takes half as long again without.)
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define FLEDGE_FOR_EACH_ISA __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define FLEDGE_FOR_EACH_ISA
#endif

namespace fledge {
namespace {

// Eight sums side by side: fast without reordering by the compiler, so that every call gives the same digits. Inlined
// into one copy for each instruction set.
template <class T>
[[gnu::always_inline]] inline double sum_of_squares(const T* a, const T* b, std::int64_t n) {
  double sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; ++k) {
      const double difference = static_cast<double>(a[i + k]) - b[i + k];
      sums[k] += difference * difference;
    }
  for (; i < n; ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sums[i % 8] += difference * difference;
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

template <class T>
double sum_in_order(const T* a, const T* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    const double difference = static_cast<double>(a[k]) - b[k];
    sum += difference * difference;
  }
  return sum;
}

template <class T>
Frame frame_of_rows(const Tensor& query, const Tensor& gallery) {
  const std::int64_t d = gallery.dim(1), n = gallery.dim(0);
  Frame frame{std::vector<double>(d, 0.0)};
  const T* v = gallery.data<T>();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < d; ++k) frame.center[k] += v[i * d + k] / static_cast<double>(n);
  double largest = 0;
  for (const Tensor* side : {&query, &gallery}) {
    const T* x = side->data<T>();
    for (std::int64_t i = 0; i < side->dim(0); ++i)
      for (std::int64_t k = 0; k < d; ++k) largest = std::max(largest, std::abs(x[i * d + k] - frame.center[k]));
    if (query.raw() == gallery.raw()) break;
  }
  if (largest > 0) frame.scale = std::exp2(-std::ceil(std::log2(largest)));
  return frame;
}

/// |x|^2 of rows that are compared as they are.
void fill_squares(FramedRows& side) {
  const std::int64_t n = side.rows.dim(0), d = side.d;
#pragma omp parallel for schedule(static) num_threads(num_threads())
  for (std::int64_t r = 0; r < n; ++r) {
    const float* x = side.framed.data<float>() + r * d;
    double sums[4] = {};  // side by side, as each sum waits for itself
    std::int64_t k = 0;
    for (; k + 4 <= d; k += 4)
      for (int s = 0; s < 4; ++s) sums[s] += static_cast<double>(x[k + s]) * x[k + s];
    for (; k < d; ++k) sums[0] += static_cast<double>(x[k]) * x[k];
    side.squares[r] = static_cast<float>((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
}

template <class T>
void fill_frame(const Frame& frame, FramedRows& side) {
  const std::int64_t n = side.rows.dim(0), d = side.d;
  const T* from = side.rows.data<T>();
  float* to = side.framed.data<float>();
#pragma omp parallel for schedule(static) num_threads(num_threads())
  for (std::int64_t r = 0; r < n; ++r) {
    double squares = 0;
    for (std::int64_t k = 0; k < d; ++k) {
      const float v = static_cast<float>((from[r * d + k] - frame.center[k]) * frame.scale);
      to[r * d + k] = v;
      squares += static_cast<double>(v) * v;
    }
    side.squares[r] = static_cast<float>(squares);
  }
}

}  // namespace

FLEDGE_FOR_EACH_ISA
double exact_squared_distance(const float* a, const float* b, std::int64_t n) { return sum_of_squares(a, b, n); }

FLEDGE_FOR_EACH_ISA
double exact_squared_distance(const double* a, const double* b, std::int64_t n) { return sum_of_squares(a, b, n); }

double exact_squared_distance(const FramedRows& a, std::int64_t i, const FramedRows& b, std::int64_t j) {
  if (a.rows.dtype() == DType::Float32) return exact_squared_distance(a.original(i), b.original(j), a.d);
  return exact_squared_distance(a.rows.data<double>() + i * a.d, b.rows.data<double>() + j * b.d, a.d);
}

double plain_squared_distance(const FramedRows& a, std::int64_t i, const FramedRows& b, std::int64_t j) {
  if (a.rows.dtype() == DType::Float32) return sum_in_order(a.original(i), b.original(j), a.d);
  return sum_in_order(a.rows.data<double>() + i * a.d, b.rows.data<double>() + j * b.d, a.d);
}

Frame frame_of(const Tensor& query, const Tensor& gallery) {
  return query.dtype() == DType::Float32 ? frame_of_rows<float>(query, gallery) : frame_of_rows<double>(query, gallery);
}

FramedRows in_frame(const Tensor& x, const Frame& frame) {
  FramedRows side;
  side.rows = x;
  side.squares.resize(x.dim(0));
  side.d = x.dim(1);
  side.scale = frame.scale;
  side.slack = float32_slack(side.d);
  if (frame.center.empty()) {
    side.framed = x;
    fill_squares(side);
    return side;
  }
  side.framed = Tensor::empty(x.dims());
  if (x.dtype() == DType::Float32)
    fill_frame<float>(frame, side);
  else
    fill_frame<double>(frame, side);
  return side;
}

void find_twins(FramedRows& x) {
  const std::int64_t n = x.rows.dim(0);
  const auto bytes = [&](std::int64_t i) {
    const std::size_t size = static_cast<std::size_t>(x.d) * size_of(x.rows.dtype());
    return std::string_view(static_cast<const char*>(x.rows.raw()) + static_cast<std::size_t>(i) * size, size);
  };
  struct Group {
    std::int32_t first, size;
  };
  std::unordered_map<std::string_view, Group> seen;
  seen.reserve(static_cast<std::size_t>(n));
  x.twins_before.resize(n);
  x.first_twin.resize(n);
  for (std::int64_t i = 0; i < n; ++i) {
    Group& group = seen.emplace(bytes(i), Group{static_cast<std::int32_t>(i), 0}).first->second;
    x.twins_before[i] = group.size++;
    x.first_twin[i] = group.first;
  }
}

}  // namespace fledge
