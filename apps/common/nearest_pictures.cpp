#include "apps/common/nearest_pictures.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "apps/common/signals.h"
#include "kernels/api/error.h"
#include "tensor/ops/gemm.h"

namespace fledge {
namespace {

constexpr std::int64_t kQueryBlock = 256, kRowBlock = 8192;
constexpr std::int64_t kProducts = 1 << 20;  // numbers: 4 MB, more would leave the caches

void check_rows(const char* what, const Tensor& x) {
  if (!x.defined() || x.rank() != 2 || x.dim(1) < 1 || x.dtype() != DType::Float32)
    throw Error(ErrorKind::Usage, "nearest_pictures",
                std::string(what) + " must be N,D float32: " + (x.defined() ? describe(x) : std::string("undefined")));
}

double squared_length(const float* x, std::int64_t d) {
  double sums[4] = {};  // side by side, as each sum waits for itself
  std::int64_t k = 0;
  for (; k + 4 <= d; k += 4)
    for (int s = 0; s < 4; ++s) sums[s] += static_cast<double>(x[k + s]) * x[k + s];
  for (; k < d; ++k) sums[0] += static_cast<double>(x[k]) * x[k];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double squared_distance(const float* a, const float* b, std::int64_t d) {
  double sum = 0;
  for (std::int64_t k = 0; k < d; ++k) {
    const double difference = static_cast<double>(a[k]) - b[k];
    sum += difference * difference;
  }
  return sum;
}

struct Size {
  float square, length;  // |x|^2, |x|
};

Size size_of(const float* x, std::int64_t d) {
  const double square = squared_length(x, d);
  return {static_cast<float>(square), static_cast<float>(std::sqrt(square))};
}

/// A true squared distance lies within slack * (|q| + |g|)^2 of |q|^2 + |g|^2 - 2 q.g in float32, whatever the order of
/// summation: D roundings of products that |q||g| <= (|q| + |g|)^2 / 4 bounds, twice, and a few for the sum of three.
float slack_of(std::int64_t d) {
  constexpr double kUnit = 1.0 / (1 << 24);  // half an ulp of 1
  return static_cast<float>((0.5 * static_cast<double>(d) + 16) * kUnit * 1.01);
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

struct Candidate {
  double square;  // of the distance
  std::int64_t row;
  bool operator<(const Candidate& o) const { return square < o.square || (square == o.square && row < o.row); }
};

/// The `top` nearest so far to one query. Rows come in rising order.
class Nearest {
 public:
  Nearest(const float* query, std::int64_t d, std::int64_t top)
      : query_(query), d_(d), top_(top), size_(size_of(query, d)), slack_(slack_of(d)), floor_(4 * d * FLT_MIN) {
    heap_.reserve(top);
  }

  /// products[j] is q.g of rows[j], row first + j of the index, rounded.
  void offer(const float* products, const float* rows, const float* squares, const float* lengths, std::int64_t first,
             std::int64_t count) {
    constexpr std::int64_t kChunk = 32;
    for (std::int64_t j = 0; j < count; j += kChunk) {
      const std::int64_t n = std::min(kChunk, count - j);
      if (all_too_far(products + j, squares + j, lengths + j, n)) continue;
      for (std::int64_t k = j; k < j + n; ++k)
        if (!all_too_far(products + k, squares + k, lengths + k, 1)) insert(rows + k * d_, first + k);
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

  void insert(const float* row, std::int64_t index) {
    const Candidate candidate{squared_distance(query_, row, d_), index};
    if (static_cast<std::int64_t>(heap_.size()) == top_) {
      if (!(candidate < heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = candidate;
    } else {
      heap_.push_back(candidate);
    }
    std::push_heap(heap_.begin(), heap_.end());
    // A limit near the end of float32 would be compared with sums that overflow.
    if (static_cast<std::int64_t>(heap_.size()) == top_ && heap_.front().square < FLT_MAX / 4)
      limit_ = std::nextafter(static_cast<float>(heap_.front().square), FLT_MAX);
  }

  const float* query_;
  std::int64_t d_, top_;
  Size size_;
  float slack_, floor_;                                   // floor: what underflow of D products may take away
  float limit_ = std::numeric_limits<float>::infinity();  // rows that are farther cannot be among the nearest
  std::vector<Candidate> heap_;                           // the farthest in front
};

}  // namespace

NearestPictures::NearestPictures(const Tensor& rows) : rows_(rows.defined() ? rows.contiguous() : rows) {
  check_rows("the index", rows_);
  const std::int64_t n = rows_.dim(0), d = rows_.dim(1);
  squares_.resize(n), lengths_.resize(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const Size size = size_of(rows_.data<float>() + i * d, d);
    squares_[i] = size.square, lengths_[i] = size.length;
  }
}

std::vector<std::vector<Neighbour>> NearestPictures::search(const Tensor& queries, std::int64_t top) const {
  check_rows("the queries", queries);
  const std::int64_t n = rows_.dim(0), d = rows_.dim(1);
  if (queries.dim(1) != d || top < 1)
    throw Error(ErrorKind::Usage, "nearest_pictures",
                "top " + std::to_string(top) + " of queries " + describe(queries) + " in an index " + describe(rows_),
                "top counts from 1, and both must be of one size D");
  const Tensor all = queries.contiguous();
  std::vector<std::vector<Neighbour>> found(all.dim(0));
  for (std::int64_t begin = 0; begin < all.dim(0); begin += kQueryBlock) {
    const std::int64_t count = std::min(kQueryBlock, all.dim(0) - begin);
    const Tensor block = all.slice(0, begin, count);
    std::vector<Nearest> nearest;
    for (std::int64_t i = 0; i < count; ++i) nearest.emplace_back(block.data<float>() + i * d, d, std::min(top, n));
    const std::int64_t width = std::min<std::int64_t>(kRowBlock, kProducts / count);
    for (std::int64_t first = 0; first < n; first += width) {
      const std::int64_t m = std::min(width, n - first);
      const Tensor rows = rows_.slice(0, first, m);
      const Tensor products = products_of(block, rows);
      for (std::int64_t i = 0; i < count; ++i)
        nearest[i].offer(products.data<float>() + i * m, rows.data<float>(), squares_.data() + first,
                         lengths_.data() + first, first, m);
      if (const int signal = stop_signal()) throw Stopped{signal};
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const float* query = block.data<float>() + i * d;
      for (const Candidate& c : nearest[i].sorted()) {
        const float* row = rows_.data<float>() + c.row * d;
        double product = 0;
        for (std::int64_t k = 0; k < d; ++k) product += static_cast<double>(query[k]) * row[k];
        const double lengths = std::sqrt(squared_length(query, d)) * std::sqrt(squared_length(row, d));
        found[begin + i].push_back({c.row, std::sqrt(c.square), lengths > 0 ? product / lengths : 0});
      }
    }
  }
  return found;
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
