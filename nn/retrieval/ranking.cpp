#include "nn/retrieval/ranking.h"

#include <algorithm>
#include <unordered_map>

#include "base/interrupt.h"
#include "nn/retrieval/bounds.h"
#include "nn/retrieval/nearest_list.h"
#include "nn/retrieval/positives.h"
#include "nn/retrieval/quantized_rows.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/gemm.h"

namespace fledge {
namespace {

using Labels = std::vector<std::int64_t>;
/// Most that the lists of all queries may take where every list is open at once.
constexpr std::int64_t kListBytes = std::int64_t{128} << 20;

constexpr std::int64_t kDiagonal = 256;
/// Of a marked chunk so many products are passed over together where none of them matters.
constexpr std::int64_t kGroup = 16;
/// Rows of fewer numbers cost less to multiply than to compare.
constexpr std::int64_t kLeastQuantized = 32;
/// Quantized products take half the time, and leave more distances open. One distance takes as long as about so many
/// products are quicker.
constexpr std::int64_t kProductsOfDistance = 32;

/// Products of queries query, query + 1, ... with items item, item + 1, ..., and what their scan found.
struct Block {
  std::int64_t query, item, rows, width, chunks;
  const float* products;
  const std::int32_t *before, *column_before;
  const std::uint8_t* marks;
};

struct Range {
  std::int64_t first, count;
};

/// Products of a block lie in a cache that is slow to answer: a marked chunk is asked for some chunks ahead.
constexpr std::int64_t kAhead = 4;
void fetch_chunk(const float* products) {
  for (int line = 0; line < 4; ++line) __builtin_prefetch(products + 16 * line);
}

/// What is known of a query so far.
struct Found {
  std::int64_t relevant = 0, before = 0;  // as in QueryRanking
};

class Ranking {
 public:
  Ranking(const RankingInput& input, const PutRanking& put)
      : input_(input), put_(put), same_(input.query.raw() == input.gallery.raw()) {
    const Frame frame = frame_of(input.query, input.gallery);
    gallery_ = in_frame(input.gallery, frame);
    find_twins(gallery_);
    if (!same_) other_query_ = in_frame(input.query, frame);
    count_relevant();
    positives_ =
        nearest_positives(query(), input_.query_labels, gallery_, input_.gallery_labels, input_.left_out, input_.block);
    if (gallery_.d >= kLeastQuantized) quantize();
    set_limits();
  }

  void run() {
    if (input_.left_out.itself_only() && same_ && list_bytes() <= kListBytes)
      run_symmetric();
    else
      run_rows();
  }

 private:
  const FramedRows& query() const { return same_ ? gallery_ : other_query_; }
  std::int64_t queries() const { return input_.query.dim(0); }

  void count_relevant() {
    std::unordered_map<std::int64_t, std::int64_t> sizes;
    for (const std::int64_t y : input_.gallery_labels) ++sizes[y];
    found_.resize(queries());
    for (std::int64_t q = 0; q < queries(); ++q) {
      const auto found = sizes.find(input_.query_labels[q]);
      std::int64_t own = 0;
      input_.left_out.each_in(q, 0, input_.gallery.dim(0),
                              [&](std::int64_t g) { own += input_.gallery_labels[g] == input_.query_labels[q]; });
      found_[q].relevant = (found == sizes.end() ? 0 : found->second) - own;
    }
  }

  void quantize() {
    quantized_gallery_ = quantized_rows(gallery_);
    if (!same_) quantized_query_ = quantized_rows(other_query_);
    gallery_.slack =
        quantized_slack(gallery_.d, std::max(quantized_gallery_.error, same_ ? 0.0 : quantized_query_.error));
    quantized_ = true;
  }

  void set_limits() {
    const std::int64_t n = queries(), m = input_.gallery.dim(0);
    limits_ = full({3, n}, kNever);
    strict_ = limits_.data<float>(), loose_ = strict_ + n, list_ = loose_ + n;
    for (std::int64_t q = 0; q < n; ++q)
      if (found_[q].relevant > 0) list_[q] = -kNever;
    items_ = Tensor::empty({2, m});
    item_strict_ = items_.data<float>(), item_loose_ = item_strict_ + m;
    set_slack(gallery_.slack);
  }

  /// What a query's list knows stays true: it was bounded by the slack of its time.
  void set_slack(const Slack& slack) {
    gallery_.slack = slack;
    for (std::int64_t q = 0; q < queries(); ++q) {
      if (found_[q].relevant == 0) continue;
      const double limit = positives_[q].square * gallery_.scale * gallery_.scale;
      strict_[q] = query_strict(query().squares[q], limit, slack);
      loose_[q] = query_loose(query().squares[q], limit, slack);
    }
    for (std::int64_t g = 0; g < input_.gallery.dim(0); ++g) {
      item_strict_[g] = item_strict(gallery_.squares[g], slack);
      item_loose_[g] = item_loose(gallery_.squares[g], slack);
    }
  }

  Tensor products_of(std::int64_t first_query, std::int64_t rows, std::int64_t first_item, std::int64_t width) const {
    if (!quantized_)
      return matmul(query().framed.slice(0, first_query, rows), gallery_.framed.slice(0, first_item, width), false,
                    true);
    const QuantizedRows &q = same_ ? quantized_gallery_ : quantized_query_, &g = quantized_gallery_;
    return quantized_products(q.codes.slice(0, first_query, rows), q.scales.slice(0, first_query, rows),
                              g.codes.slice(0, first_item, width), g.scales.slice(0, first_item, width));
  }

  /// Rows so near to each other that 16 bits leave too many distances open are multiplied in float32 from now on.
  void check_quantized(std::int64_t products, std::int64_t distances) {
    products_ += products, distances_ += distances;
    if (distances_ * kProductsOfDistance <= products_) return;
    quantized_ = false;
    quantized_gallery_ = quantized_query_ = {};
    set_slack(float32_slack(gallery_.d));
  }

  /// All lists open, with little room beyond the R nearest.
  std::int64_t list_bytes() const {
    std::int64_t bytes = 0;
    for (const Found& s : found_)
      if (s.relevant > 0) bytes += 12 * (2 * s.relevant + kRoomOfMany) + static_cast<std::int64_t>(sizeof(NearestList));
    return bytes;
  }

  /// Every pair of pictures once: their product serves both as queries. Blocks on the diagonal come first, so that
  /// each list has a threshold before the many.
  void run_symmetric() {
    const std::int64_t n = queries(), size = input_.block;
    open_lists(0, n, kRoomOfMany);
    for (std::int64_t a = 0; a < n; a += size) scan_diagonal(a, std::min(n, a + size));
    for (std::int64_t a = 0; a < n; a += size) {
      for (std::int64_t b = a + size; b < n; b += size) scan({a, size}, {b, std::min(size, n - b)}, true);
      if (input_.progress) input_.progress(std::min(n, a + size), n);
    }
    finish(0, n);
  }

  /// Pictures begin to end among themselves, in pieces: only the small squares are multiplied twice.
  void scan_diagonal(std::int64_t begin, std::int64_t end) {
    const std::int64_t size = std::min(input_.block, kDiagonal);
    for (std::int64_t a = begin; a < end; a += size) {
      const Range rows{a, std::min(size, end - a)};
      scan(rows, rows, false);
      for (std::int64_t b = a + size; b < end; b += size) scan(rows, {b, std::min(size, end - b)}, true);
    }
  }

  /// A block of queries with the whole gallery, then the next.
  void run_rows() {
    const std::int64_t n = queries(), m = input_.gallery.dim(0), size = input_.block;
    for (std::int64_t a = 0; a < n; a += size) {
      const std::int64_t count = std::min(size, n - a);
      open_lists(a, count, kRoomOfFew);
      for (std::int64_t b = 0; b < m; b += size) scan({a, count}, {b, std::min(size, m - b)}, false);
      finish(a, count);
      if (input_.progress) input_.progress(a + count, n);
    }
  }

  void open_lists(std::int64_t first, std::int64_t count, std::int64_t room) {
    first_list_ = first;
    lists_.resize(count);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t r = found_[first + i].relevant;
      if (r > 0) lists_[i].start(query(), first + i, gallery_, r, 2 * r + room, input_.left_out.of(first + i));
    }
  }

  void scan(const Range& some_queries, const Range& some_items, bool both) {
    stop_if_asked();
    const std::int64_t first_query = some_queries.first, rows = some_queries.count, first_item = some_items.first,
                       width = some_items.count;
    const Tensor products = products_of(first_query, rows, first_item, width);
    for (std::int64_t i = 0; i < rows; ++i)
      input_.left_out.each_in(first_query + i, first_item, width,
                              [&](std::int64_t g) { products.data<float>()[i * width + g - first_item] = -kNever; });
    const ScanResult found = scan_products(
        products, limits_.slice(1, first_query, rows), items_.slice(1, first_item, width),
        both ? limits_.slice(1, first_item, width) : Tensor(), both ? items_.slice(1, first_query, rows) : Tensor());
    const Block block{first_query,
                      first_item,
                      rows,
                      width,
                      found.marks.dim(1),
                      products.data<float>(),
                      found.before.data<std::int32_t>(),
                      both ? found.column_before.data<std::int32_t>() : nullptr,
                      found.marks.data<std::uint8_t>()};
    std::int64_t distances = 0;
#pragma omp parallel for schedule(dynamic, 16) reduction(+ : distances) num_threads(num_threads())
    for (std::int64_t i = 0; i < rows; ++i) distances += settle_row(block, i);
    if (both) {
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : distances) num_threads(num_threads())
      for (std::int64_t c = 0; c < block.chunks; ++c) distances += settle_columns(block, c);
    }
    if (quantized_) check_quantized(rows * width, distances);
  }

  /// The row's count, and what its marked chunks leave open. Returns how many distances were measured.
  std::int64_t settle_row(const Block& b, std::int64_t i) {
    const std::int64_t q = b.query + i;
    if (found_[q].relevant == 0) return 0;
    std::int64_t distances = 0;
    found_[q].before += b.before[i];
    const float *p = b.products + i * b.width, *loose = item_loose_ + b.item;
    const std::uint8_t* marks = b.marks + i * b.chunks;
    for (std::int64_t c = 0; c < b.chunks; ++c) {
      if (c + kAhead < b.chunks && (marks[c + kAhead] & kScanRow)) fetch_chunk(p + (c + kAhead) * kScanChunk);
      if (!(marks[c] & kScanRow)) continue;
      for (std::int64_t k = c * kScanChunk; k < std::min(b.width, (c + 1) * kScanChunk); k += kGroup) {
        const std::int64_t end = std::min(b.width, k + kGroup);
        const float limit = std::min(loose_[q], list_[q]);
        int any = 0;
        for (std::int64_t j = k; j < end; ++j) any |= p[j] >= limit + loose[j];
        for (std::int64_t j = k; any && j < end; ++j)
          if (p[j] >= limit + loose[j]) distances += settle(q, b.item + j, p[j]);
      }
    }
    close_if_hopeless(q);
    return distances;
  }

  /// The same for the queries that the columns of chunk c are.
  std::int64_t settle_columns(const Block& b, std::int64_t c) {
    std::int64_t distances = 0;
    const std::int64_t first = c * kScanChunk, end = std::min(b.width, first + kScanChunk);
    for (std::int64_t k = first; k < end; ++k) found_[b.item + k].before += b.column_before[k];
    const float *loose = loose_ + b.item, *list = list_ + b.item;
    for (std::int64_t i = 0; i < b.rows; ++i) {
      if (i + kAhead < b.rows && (b.marks[(i + kAhead) * b.chunks + c] & kScanColumn))
        fetch_chunk(b.products + (i + kAhead) * b.width + first);
      if (!(b.marks[i * b.chunks + c] & kScanColumn)) continue;
      const float *p = b.products + i * b.width, limit = item_loose_[b.query + i];
      for (std::int64_t k = first; k < end; k += kGroup) {
        const std::int64_t stop = std::min(end, k + kGroup);
        int any = 0;
        for (std::int64_t j = k; j < stop; ++j) any |= p[j] >= std::min(loose[j], list[j]) + limit;
        for (std::int64_t j = k; any && j < stop; ++j)
          if (p[j] >= std::min(loose[j], list[j]) + limit) distances += settle(b.item + j, b.query + i, p[j]);
      }
    }
    for (std::int64_t k = first; k < end; ++k) close_if_hopeless(b.item + k);
    return distances;
  }

  bool undecided(std::int64_t q, std::int64_t g, float p) const {
    return p >= loose_[q] + item_loose_[g] && !(p > strict_[q] + item_strict_[g]);
  }
  bool may_enter(std::int64_t q, std::int64_t g, float p) const { return p >= list_[q] + item_loose_[g]; }

  /// Was the distance measured?
  bool settle(std::int64_t q, std::int64_t g, float p) {
    if (p == -kNever) return false;  // left out
    const bool open = undecided(q, g, p);
    if (open) found_[q].before += comes_before(q, g);
    if (!may_enter(q, g, p)) return open;
    NearestList& list = lists_[q - first_list_];
    list.offer(p, g);
    list_[q] = list.product_limit();
    return open;
  }

  /// Before the nearest positive, exactly. Copies of it lie as far as it does.
  bool comes_before(std::int64_t q, std::int64_t g) const {
    const Neighbor& positive = positives_[q];
    if (gallery_.first_twin[g] == gallery_.first_twin[positive.row]) return g < positive.row;
    const Neighbor item{exact_squared_distance(query(), q, gallery_, g), static_cast<std::int32_t>(g)};
    return item < positive;
  }

  /// No relevant picture among the R nearest: both precisions are 0, whatever else comes.
  void close_if_hopeless(std::int64_t q) {
    if (found_[q].relevant == 0 || found_[q].before < found_[q].relevant || list_[q] == kNever) return;
    lists_[q - first_list_].close();
    list_[q] = kNever;
  }

  void finish(std::int64_t first, std::int64_t count) {
#pragma omp parallel for schedule(dynamic, 8) num_threads(num_threads())
    for (std::int64_t q = first; q < first + count; ++q) {
      const Found& found = found_[q];
      if (found.relevant == 0) continue;
      QueryRanking ranking{found.relevant, found.before, {}};
      std::int64_t place = 0;
      if (found.before < found.relevant)
        for (const Neighbor& item : lists_[q - first].nearest(found.relevant)) {
          ++place;
          if (input_.gallery_labels[item.row] == input_.query_labels[q]) ranking.places.push_back(place);
        }
      put_(q, ranking);
    }
  }

  static constexpr std::int64_t kRoomOfMany = 16, kRoomOfFew = 256;

  const RankingInput& input_;
  const PutRanking& put_;
  bool same_;
  FramedRows gallery_, other_query_;
  QuantizedRows quantized_gallery_, quantized_query_;
  bool quantized_ = false;
  std::int64_t products_ = 0, distances_ = 0;  // quantized products, and distances that they left open
  std::vector<Neighbor> positives_;
  Tensor limits_, items_;                                         // 3,queries and 2,items: scan_products
  float *strict_ = nullptr, *loose_ = nullptr, *list_ = nullptr;  // of limits_
  float *item_strict_ = nullptr, *item_loose_ = nullptr;          // of items_
  std::vector<Found> found_;
  std::int64_t first_list_ = 0;
  std::vector<NearestList> lists_;
};

}  // namespace

void rank_queries(const RankingInput& input, const PutRanking& put) { Ranking(input, put).run(); }

}  // namespace fledge
