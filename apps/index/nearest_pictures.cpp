#include "apps/index/nearest_pictures.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <numeric>

#include "apps/cli/signals.h"
#include "apps/index/distance_bounds.h"
#include "apps/index/nearest_device.h"
#include "base/error.h"
#include "nn/metrics/rows.h"
#include "tensor/ops/gemm.h"

namespace fledge {
namespace {

constexpr std::size_t kQueryBlock = 256;
constexpr std::int64_t kRowBlock = 8192;
constexpr std::int64_t kProducts = 1 << 20;  // numbers: 4 MB, more would leave the caches

void check_rows(const char* what, const Tensor& x) {
  if (!x.defined() || x.rank() != 2 || x.dim(1) < 1 || !is_comparable(x.dtype()))
    throw Error(ErrorKind::Usage, "nearest_pictures",
                std::string(what) +
                    " must be N,D float32 or float64: " + (x.defined() ? describe(x) : std::string("undefined")));
}

/// Squared distances of one query to all rows, of the numbers as they were given.
class ExactDistance {
 public:
  ExactDistance(const Tensor& rows, const Tensor& query)
      : rows_(rows.raw()), query_(query.raw()), d_(rows.dim(1)), wide_(rows.dtype() == DType::Float64) {}
  double operator()(std::int64_t row) const { return wide_ ? of<double>(row) : of<float>(row); }

 private:
  template <class T>
  double of(std::int64_t row) const {
    return squared_distance(static_cast<const T*>(query_), static_cast<const T*>(rows_) + row * d_, d_);
  }
  const void *rows_, *query_;
  std::int64_t d_;
  bool wide_;
};

template <class T>
double cosine_of(const T* a, const T* b, std::int64_t d) {
  double product = 0;
  for (std::int64_t k = 0; k < d; ++k) product += static_cast<double>(a[k]) * b[k];
  const double lengths = std::sqrt(squared_length(a, d)) * std::sqrt(squared_length(b, d));
  return lengths > 0 ? product / lengths : 0;
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

/// The `top` nearest so far to one query. Rows come in rising order.
class Nearest {
 public:
  /// `query`: as it is compared in float32, where squares are `unit` times the exact ones.
  Nearest(const float* query, std::int64_t d, const ExactDistance& exact, double unit, std::int64_t top)
      : exact_(exact), top_(top), unit_(unit), size_(size_of(query, d)), slack_(slack_of(d)), floor_(underflow_of(d)) {
    heap_.reserve(top);
  }

  /// products[j] is q.g of row first + j of the index, rounded.
  void offer(const float* products, const float* squares, const float* lengths, std::int64_t first,
             std::int64_t count) {
    constexpr std::int64_t kChunk = 32;
    for (std::int64_t j = 0; j < count; j += kChunk) {
      const std::int64_t n = std::min(kChunk, count - j);
      if (all_too_far(products + j, squares + j, lengths + j, n)) continue;
      for (std::int64_t k = j; k < j + n; ++k)
        if (!all_too_far(products + k, squares + k, lengths + k, 1)) insert(first + k);
    }
  }

  std::vector<Candidate> sorted() {
    std::sort_heap(heap_.begin(), heap_.end());
    return std::move(heap_);
  }

 private:
  /// An overflow to infinity is beyond every limit (see insert); NaN counts as near.
  bool all_too_far(const float* products, const float* squares, const float* lengths, std::int64_t n) const {
    int near = 0;  // as wide as a float, for the compiler's vectors
    for (std::int64_t k = 0; k < n; ++k) {
      const float reach = size_.length + lengths[k];
      near |= !(size_.square + squares[k] - 2 * products[k] - (slack_ * (reach * reach) + floor_) > limit_);
    }
    return near == 0;
  }

  void insert(std::int64_t index) {
    const Candidate candidate{exact_(index), index};
    if (static_cast<std::int64_t>(heap_.size()) == top_) {
      if (!(candidate < heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = candidate;
    } else {
      heap_.push_back(candidate);
    }
    std::push_heap(heap_.begin(), heap_.end());
    // A limit near the end of float32 would be compared with sums that overflow.
    if (static_cast<std::int64_t>(heap_.size()) == top_ && heap_.front().square * unit_ < FLT_MAX / 4)
      limit_ = std::nextafter(static_cast<float>(heap_.front().square * unit_), FLT_MAX);
  }

  ExactDistance exact_;
  std::int64_t top_;
  double unit_;
  RowSize size_;
  float slack_, floor_;                                   // distance_bounds.h
  float limit_ = std::numeric_limits<float>::infinity();  // rows that are farther cannot be among the nearest
  std::vector<Candidate> heap_;                           // the farthest in front
};

}  // namespace

NearestPictures::NearestPictures(const Tensor& rows, Device device) : rows_(rows.defined() ? rows.contiguous() : rows) {
  check_rows("the index", rows_);
  const std::int64_t n = rows_.dim(0), d = rows_.dim(1);
  const bool wide = rows_.dtype() == DType::Float64;
  if (wide && n > 0) frame_ = frame_of(rows_, rows_);
  framed_ = wide ? in_frame(rows_, frame_).framed : rows_;
  squares_.resize(n), lengths_.resize(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const RowSize size = size_of(framed_.data<float>() + i * d, d);
    squares_[i] = size.square, lengths_[i] = size.length;
  }
  if (device != Device{} && !wide) on_device_ = std::make_unique<NearestOnDevice>(rows_, squares_, lengths_, device);
}

NearestPictures::~NearestPictures() = default;

std::vector<std::vector<Neighbour>> NearestPictures::search(const Tensor& queries, std::int64_t top) const {
  check_rows("the queries", queries);
  const std::int64_t n = rows_.dim(0), d = rows_.dim(1);
  if (queries.dim(1) != d || queries.dtype() != rows_.dtype() || top < 1)
    throw Error(ErrorKind::Usage, "nearest_pictures",
                "top " + std::to_string(top) + " of queries " + describe(queries) + " in an index " + describe(rows_),
                "top counts from 1, and both must be of one size D and one dtype");
  const Tensor all = queries.contiguous();
  std::vector<std::vector<Neighbour>> found(all.dim(0));
  std::vector<std::int64_t> open(all.dim(0));  // queries whose answer is not known yet
  std::iota(open.begin(), open.end(), 0);
  const auto keep = [&](std::int64_t query, const std::vector<Candidate>& nearest) {
    found[query] = described(all.slice(0, query, 1), nearest);
  };
  if (on_device_) open = on_device_->search(all, std::min(top, n), keep);
  for (std::size_t begin = 0; begin < open.size(); begin += kQueryBlock)
    search_block(all, {open.begin() + begin, open.begin() + std::min(begin + kQueryBlock, open.size())},
                 std::min(top, n), keep);
  return found;
}

/// On the host: every row is offered to every query.
void NearestPictures::search_block(const Tensor& queries, const std::vector<std::int64_t>& numbers, std::int64_t top,
                                   const FoundNearest& keep) const {
  const std::int64_t n = rows_.dim(0), d = rows_.dim(1), count = static_cast<std::int64_t>(numbers.size());
  Tensor block = Tensor::empty({count, d}, queries.dtype());
  for (std::int64_t i = 0; i < count; ++i) block.slice(0, i, 1).copy_from(queries.slice(0, numbers[i], 1));
  if (block.dtype() == DType::Float64) block = in_frame(block, frame_).framed;
  std::vector<Nearest> nearest;
  for (std::int64_t i = 0; i < count; ++i)
    nearest.emplace_back(block.data<float>() + i * d, d, ExactDistance(rows_, queries.slice(0, numbers[i], 1)),
                         frame_.scale * frame_.scale, top);
  const std::int64_t width = std::min<std::int64_t>(kRowBlock, kProducts / count);
  for (std::int64_t first = 0; first < n; first += width) {
    const std::int64_t m = std::min(width, n - first);
    const Tensor rows = framed_.slice(0, first, m);
    stop_if_asked();
    const Tensor products = products_of(block, rows);
    for (std::int64_t i = 0; i < count; ++i)
      nearest[i].offer(products.data<float>() + i * m, squares_.data() + first, lengths_.data() + first, first, m);
    if (const int signal = stop_signal()) throw Stopped{signal};
  }
  for (std::int64_t i = 0; i < count; ++i) keep(numbers[i], nearest[i].sorted());
}

std::vector<Neighbour> NearestPictures::described(const Tensor& query, const std::vector<Candidate>& nearest) const {
  const std::int64_t d = rows_.dim(1);
  std::vector<Neighbour> neighbours;
  for (const Candidate& c : nearest) {
    const double cosine = rows_.dtype() == DType::Float32
                              ? cosine_of(query.data<float>(), rows_.data<float>() + c.row * d, d)
                              : cosine_of(query.data<double>(), rows_.data<double>() + c.row * d, d);
    neighbours.push_back({c.row, std::sqrt(c.square), cosine});
  }
  return neighbours;
}

Vote vote(const std::vector<Neighbour>& neighbours, const std::vector<std::string>& labels) {
  Vote best;
  best.of = static_cast<std::int64_t>(neighbours.size());
  for (const Neighbour& candidate : neighbours) {
    const std::string& label = labels[candidate.row];
    const auto votes =
        std::count_if(neighbours.begin(), neighbours.end(), [&](const auto& n) { return labels[n.row] == label; });
    if (votes > best.votes) best.label = label, best.votes = votes;
  }
  return best;
}

}  // namespace fledge
