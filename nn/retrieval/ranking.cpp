#include "nn/retrieval/ranking.h"

#include <algorithm>
#include <unordered_map>

#include "base/interrupt.h"
#include "nn/retrieval/bounds.h"
#include "nn/retrieval/nearest_list.h"
#include "nn/retrieval/positives.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/gemm.h"

namespace fledge {
namespace {

using Labels = std::vector<std::int64_t>;
/// Most that the lists of all queries may take where every list is open at once.
constexpr std::int64_t kListBytes = std::int64_t{128} << 20;

/// Products of queries query, query + 1, ... with items item, item + 1, ..., and what their scan found.
struct Block {
  std::int64_t query, item, rows, width, chunks;
  const float* products;
  const std::int32_t *before, *column_before;
  const std::uint8_t* marks;
};

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

  void set_limits() {
    const std::int64_t n = queries(), m = input_.gallery.dim(0), d = gallery_.d;
    positives_ =
        nearest_positives(query(), input_.query_labels, gallery_, input_.gallery_labels, input_.left_out, input_.block);
    limits_ = full({3, n}, kNever);
    strict_ = limits_.data<float>(), loose_ = strict_ + n, list_ = loose_ + n;
    for (std::int64_t q = 0; q < n; ++q) {
      if (found_[q].relevant == 0) continue;
      const double limit = positives_[q].square * gallery_.scale * gallery_.scale;
      strict_[q] = query_strict(query().squares[q], limit, d);
      loose_[q] = query_loose(query().squares[q], limit, d);
      list_[q] = -kNever;
    }
    items_ = Tensor::empty({2, m});
    item_strict_ = items_.data<float>(), item_loose_ = item_strict_ + m;
    for (std::int64_t g = 0; g < m; ++g) {
      item_strict_[g] = item_strict(gallery_.squares[g], d);
      item_loose_[g] = item_loose(gallery_.squares[g], d);
    }
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
    for (std::int64_t a = 0; a < n; a += size) scan(a, a, false);
    for (std::int64_t a = 0; a < n; a += size) {
      for (std::int64_t b = a + size; b < n; b += size) scan(a, b, true);
      if (input_.progress) input_.progress(std::min(n, a + size), n);
    }
    finish(0, n);
  }

  /// A block of queries with the whole gallery, then the next.
  void run_rows() {
    const std::int64_t n = queries(), m = input_.gallery.dim(0), size = input_.block;
    for (std::int64_t a = 0; a < n; a += size) {
      const std::int64_t count = std::min(size, n - a);
      open_lists(a, count, kRoomOfFew);
      for (std::int64_t b = 0; b < m; b += size) scan(a, b, false);
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

  void scan(std::int64_t first_query, std::int64_t first_item, bool both) {
    stop_if_asked();
    const std::int64_t rows = std::min(input_.block, queries() - first_query),
                       width = std::min(input_.block, input_.gallery.dim(0) - first_item);
    const Tensor products =
        matmul(query().framed.slice(0, first_query, rows), gallery_.framed.slice(0, first_item, width), false, true);
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
#pragma omp parallel for schedule(dynamic, 16) num_threads(num_threads())
    for (std::int64_t i = 0; i < rows; ++i) settle_row(block, i);
    if (!both) return;
#pragma omp parallel for schedule(dynamic, 1) num_threads(num_threads())
    for (std::int64_t c = 0; c < block.chunks; ++c) settle_columns(block, c);
  }

  /// The row's count, and what its marked chunks leave open.
  void settle_row(const Block& b, std::int64_t i) {
    const std::int64_t q = b.query + i;
    if (found_[q].relevant == 0) return;
    found_[q].before += b.before[i];
    for (std::int64_t c = 0; c < b.chunks; ++c)
      if (b.marks[i * b.chunks + c])
        for (std::int64_t k = c * kScanChunk; k < std::min(b.width, (c + 1) * kScanChunk); ++k)
          settle(q, b.item + k, b.products[i * b.width + k]);
    close_if_hopeless(q);
  }

  /// The same for the queries that the columns of chunk c are.
  void settle_columns(const Block& b, std::int64_t c) {
    const std::int64_t first = c * kScanChunk, end = std::min(b.width, first + kScanChunk);
    for (std::int64_t k = first; k < end; ++k) found_[b.item + k].before += b.column_before[k];
    for (std::int64_t i = 0; i < b.rows; ++i)
      if (b.marks[i * b.chunks + c])
        for (std::int64_t k = first; k < end; ++k) settle(b.item + k, b.query + i, b.products[i * b.width + k]);
    for (std::int64_t k = first; k < end; ++k) close_if_hopeless(b.item + k);
  }

  bool undecided(std::int64_t q, std::int64_t g, float p) const {
    return p >= loose_[q] + item_loose_[g] && !(p > strict_[q] + item_strict_[g]);
  }
  bool may_enter(std::int64_t q, std::int64_t g, float p) const { return p >= list_[q] + item_loose_[g]; }

  void settle(std::int64_t q, std::int64_t g, float p) {
    if (p == -kNever) return;  // left out
    if (undecided(q, g, p)) found_[q].before += comes_before(q, g);
    if (!may_enter(q, g, p)) return;
    NearestList& list = lists_[q - first_list_];
    list.offer(p, g);
    list_[q] = list.product_limit();
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
