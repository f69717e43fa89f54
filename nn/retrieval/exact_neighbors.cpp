#include "nn/retrieval/exact_neighbors.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "base/error.h"
#include "base/interrupt.h"
#include "nn/retrieval/bounds.h"
#include "nn/retrieval/device_neighbors.h"
#include "nn/retrieval/nearest_list.h"
#include "nn/retrieval/rows.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/gemm.h"

namespace fledge {
namespace {

constexpr std::size_t kQueryBlock = 256;
constexpr std::int64_t kRowBlock = 8192;
constexpr std::int64_t kProducts = 1 << 20;  // numbers: 4 MB, more would leave the caches
constexpr std::int64_t kRoom = 256;          // of a query's list beyond twice the k nearest

void check_rows(const char* what, const Tensor& x) {
  if (!x.defined() || x.rank() != 2 || x.dim(1) < 1 || !is_comparable(x.dtype()))
    throw Error(ErrorKind::Usage, "exact_neighbors",
                std::string(what) +
                    " must be N,D float32 or float64: " + (x.defined() ? describe(x) : std::string("undefined")));
}

/// Squares whose sums float32 holds. Tiny ones of a gallery would all be too near to each other.
bool fit_float32(const std::vector<float>& squares, bool of_gallery) {
  const float largest = squares.empty() ? 1 : *std::max_element(squares.begin(), squares.end());
  return largest <= 0x1p80f && (!of_gallery || largest >= 0x1p-60f || largest == 0);
}

/// q.g of a block of queries and a block of rows, in float32: count,m. Up to two queries are bound by memory: reading
/// each row once is faster than the matrix product, which copies it to another order first.
Tensor products_of(const Tensor& queries, const Tensor& rows) {
  if (queries.dim(0) > 2) return matmul(queries, rows, false, true).contiguous();
  constexpr std::int64_t kSums = 16;
  const std::int64_t m = rows.dim(0), d = rows.dim(1);
  const Tensor products = Tensor::empty({queries.dim(0), m});
  for (std::int64_t j = 0; j < m; ++j) {
    const float* row = rows.data<float>() + j * d;
    for (std::int64_t i = 0; i < queries.dim(0); ++i) {
      const float* query = queries.data<float>() + i * d;
      float sums[kSums] = {}, sum = 0;
      std::int64_t k = 0;
      for (; k + kSums <= d; k += kSums)
        for (std::int64_t s = 0; s < kSums; ++s) sums[s] += query[k + s] * row[k + s];
      for (; k < d; ++k) sum += query[k] * row[k];
      for (std::int64_t s = 0; s < kSums; ++s) sum += sums[s];
      products.data<float>()[i * m + j] = sum;
    }
  }
  return products;
}

Tensor gathered(const Tensor& rows, const std::vector<std::int64_t>& numbers) {
  const std::int64_t d = rows.dim(1);
  const Tensor out = Tensor::empty({static_cast<std::int64_t>(numbers.size()), d});
  for (std::size_t i = 0; i < numbers.size(); ++i)
    std::memcpy(out.data<float>() + static_cast<std::int64_t>(i) * d, rows.data<float>() + numbers[i] * d,
                static_cast<std::size_t>(d) * sizeof(float));
  return out;
}

}  // namespace

ExactNeighbors::ExactNeighbors(const Tensor& gallery, Device device) {
  check_rows("the gallery", gallery);
  const Tensor rows = gallery.contiguous();
  if (rows.dtype() == DType::Float32) gallery_ = in_frame(rows, frame_);
  const bool as_given = rows.dtype() == DType::Float32 && fit_float32(gallery_.squares, true);
  if (!as_given && rows.dim(0) > 0) frame_ = frame_of(rows, rows);
  if (!as_given) gallery_ = in_frame(rows, frame_);
  set_items();
  if (device != Device{} && as_given) on_device_ = std::make_unique<DeviceNeighbors>(gallery_, device);
}

ExactNeighbors::ExactNeighbors(const Tensor& gallery, const Frame& frame)
    : frame_(frame), gallery_(in_frame(gallery, frame)) {
  set_items();
}

ExactNeighbors::~ExactNeighbors() = default;

void ExactNeighbors::set_items() {
  const std::int64_t n = gallery_.rows.dim(0);
  items_ = Tensor::empty({2, n});
  for (std::int64_t g = 0; g < n; ++g)
    items_.data<float>()[g] = items_.data<float>()[n + g] = item_loose(gallery_.squares[g], gallery_.slack);
}

std::vector<std::vector<Neighbor>> ExactNeighbors::nearest(const Tensor& queries, std::int64_t k) const {
  check_rows("the queries", queries);
  const Tensor& rows = gallery_.rows;
  if (queries.dim(1) != gallery_.d || queries.dtype() != rows.dtype() || k < 1)
    throw Error(ErrorKind::Usage, "exact_neighbors",
                std::to_string(k) + " nearest of queries " + describe(queries) + " in a gallery " + describe(rows),
                "k counts from 1, and both must be of one size D and one dtype");
  const Tensor all = queries.contiguous();
  const std::int64_t kept = std::min(k, rows.dim(0));
  std::vector<std::vector<Neighbor>> found(all.dim(0));
  if (kept == 0) return found;
  const FramedRows framed = in_frame(all, frame_);
  if (!fit_float32(framed.squares, false)) {
    const Frame common = frame_of(all, rows);
    return ExactNeighbors(rows, common).nearest(all, k);
  }
  std::vector<std::int64_t> open(all.dim(0));  // queries whose answer is not known yet
  std::iota(open.begin(), open.end(), 0);
  if (on_device_) open = on_device_->nearest(framed, kept, found);
  for (std::size_t begin = 0; begin < open.size(); begin += kQueryBlock)
    search_block(framed, {open.begin() + begin, open.begin() + std::min(begin + kQueryBlock, open.size())}, kept,
                 found);
  return found;
}

/// On the host: every row is offered to every query.
void ExactNeighbors::search_block(const FramedRows& queries, const std::vector<std::int64_t>& numbers, std::int64_t k,
                                  std::vector<std::vector<Neighbor>>& found) const {
  const auto count = static_cast<std::int64_t>(numbers.size()), n = gallery_.rows.dim(0);
  const Tensor block = gathered(queries.framed, numbers);
  const Tensor limits = full({3, count}, kNever);
  float* list_limits = limits.data<float>() + 2 * count;
  std::fill_n(list_limits, count, -kNever);
  std::vector<NearestList> lists(numbers.size());
  const std::int64_t room = std::min(2 * k + kRoom, n + 1);
  for (std::int64_t i = 0; i < count; ++i)
    lists[i].start(queries, numbers[i], gallery_, k, room, 0, &plain_squared_distance);
  const float* loose = items_.data<float>() + n;
  const std::int64_t width = std::min<std::int64_t>(kRowBlock, kProducts / count);
  for (std::int64_t first = 0; first < n; first += width) {
    stop_if_asked();
    const std::int64_t m = std::min(width, n - first);
    const Tensor products = products_of(block, gallery_.framed.slice(0, first, m));
    const ScanResult scan = scan_products(products, limits, items_.slice(1, first, m));
    const std::int64_t chunks = scan.marks.dim(1);
#pragma omp parallel for schedule(dynamic, 4) num_threads(num_threads())
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint8_t* marks = scan.marks.data<std::uint8_t>() + i * chunks;
      const float* p = products.data<float>() + i * m;
      for (std::int64_t c = 0; c < chunks; ++c)
        if (marks[c])
          for (std::int64_t j = c * kScanChunk; j < std::min(m, (c + 1) * kScanChunk); ++j) {
            if (!(p[j] >= list_limits[i] + loose[first + j])) continue;
            lists[i].offer(p[j], first + j);
            list_limits[i] = lists[i].product_limit();
          }
    }
  }
#pragma omp parallel for schedule(dynamic, 4) num_threads(num_threads())
  for (std::int64_t i = 0; i < count; ++i) found[numbers[i]] = lists[i].nearest(k);
}

}  // namespace fledge
