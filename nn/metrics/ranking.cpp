#include "nn/metrics/ranking.h"

#include <omp.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/interrupt.h"
#include "nn/metrics/nearest.h"
#include "nn/metrics/positives.h"
#include "nn/metrics/scan.h"
#include "tensor/context.h"
#include "tensor/ops/gemm.h"

namespace fledge {
namespace {

using Labels = std::vector<std::int64_t>;
constexpr float kNever = std::numeric_limits<float>::infinity();
/// Most that the lists of all queries may take where every list is open at once.
constexpr std::int64_t kListBytes = std::int64_t{128} << 20;

/// A product for a column's query, set aside until one thread takes all of a query's.
struct Pair {
  std::int32_t query, item;
  float product;
};
/// What a thread keeps to itself while it reads rows.
struct Scratch {
  std::vector<std::int32_t> column_before;
  std::vector<Pair> pairs;
  std::vector<unsigned char> marks;
};
/// Products of queries query, query + 1, ... with items item, item + 1, ...
struct Block {
  std::int64_t query, item, rows, width;
  float* products;
};

/// What is known of a query so far.
struct Found {
  std::int64_t relevant = 0, before = 0;  // as in QueryRanking
};

class Ranking {
 public:
  Ranking(const RankingInput& input, const PutRanking& put)
      : input_(input),
        put_(put),
        same_(input.query.raw() == input.gallery.raw()),
        scratch_(std::max(1, num_threads())) {
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
    limits_ = {std::vector<float>(n, kNever), std::vector<float>(n, kNever), std::vector<float>(n, kNever)};
    for (std::int64_t q = 0; q < n; ++q) {
      if (found_[q].relevant == 0) continue;
      const double limit = positives_[q].distance * gallery_.scale * gallery_.scale;
      limits_.strict[q] = query_strict(query().squares[q], limit, d);
      limits_.loose[q] = query_loose(query().squares[q], limit, d);
      limits_.list[q] = -kNever;
    }
    items_ = {std::vector<float>(m), std::vector<float>(m)};
    for (std::int64_t g = 0; g < m; ++g) {
      items_.strict[g] = item_strict(gallery_.squares[g], d);
      items_.loose[g] = item_loose(gallery_.squares[g], d);
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
    const Block block{first_query, first_item, rows, width, products.data<float>()};
    const int threads = static_cast<int>(scratch_.size());
#pragma omp parallel num_threads(threads)
    {
      Scratch& mine = scratch_[omp_get_thread_num()];
      mine.column_before.assign(both ? width : 0, 0);
      mine.pairs.clear();
      mine.marks.resize((width + kScanChunk - 1) / kScanChunk);
#pragma omp for schedule(dynamic, 16)
      for (std::int64_t i = 0; i < rows; ++i) {
        if (both)
          read_row_and_columns(block, i, mine);
        else
          read_row(block, i, mine);
      }
      if (both) {
#pragma omp for schedule(static)
        for (int t = 0; t < threads; ++t) settle_columns(block, t, threads);
      }
    }
  }

  RowScan row_scan(const Block& b, std::int64_t i) const {
    const std::int64_t q = b.query + i;
    return {b.products + i * b.width,
            b.width,
            limits_.strict[q],
            limits_.loose[q],
            limits_.list[q],
            items_.strict.data() + b.item,
            items_.loose.data() + b.item};
  }

  void read_row(const Block& b, std::int64_t i, Scratch& mine) {
    const std::int64_t q = b.query + i;
    if (found_[q].relevant == 0) return;
    input_.left_out.each_in(q, b.item, b.width,
                            [&](std::int64_t g) { b.products[i * b.width + g - b.item] = -kNever; });
    found_[q].before += scan_row(row_scan(b, i), mine.marks.data());
    settle_row(b, i, mine);
  }

  void read_row_and_columns(const Block& b, std::int64_t i, Scratch& mine) {
    const std::int64_t g = b.query + i;  // the row as an item
    const ColumnScan columns{limits_.strict.data() + b.item,
                             limits_.loose.data() + b.item,
                             limits_.list.data() + b.item,
                             items_.strict[g],
                             items_.loose[g],
                             mine.column_before.data()};
    found_[g].before += scan_row_and_columns(row_scan(b, i), columns, mine.marks.data());
    const float* p = b.products + i * b.width;
    for (std::int64_t k = 0; k < b.width; ++k) {
      if (!mine.marks[k / kScanChunk]) {
        k += kScanChunk - 1;
        continue;
      }
      const std::int64_t q = b.item + k;
      if (undecided(q, g, p[k]) || may_enter(q, g, p[k]))
        mine.pairs.push_back({static_cast<std::int32_t>(q), static_cast<std::int32_t>(g), p[k]});
    }
    settle_row(b, i, mine);
  }

  /// What the row's marked chunks leave open.
  void settle_row(const Block& b, std::int64_t i, Scratch& mine) {
    const std::int64_t q = b.query + i;
    if (found_[q].relevant == 0) return;
    const float* p = b.products + i * b.width;
    for (std::int64_t k = 0; k < b.width; ++k) {
      if (!mine.marks[k / kScanChunk]) {
        k += kScanChunk - 1;
        continue;
      }
      settle(q, b.item + k, p[k]);
    }
    close_if_hopeless(q);
  }

  /// The columns' counts, and what their marked chunks leave open, for the queries of one owner.
  void settle_columns(const Block& b, int owner, int owners) {
    for (const Scratch& s : scratch_) {
      if (s.column_before.empty()) continue;  // a thread that did not take part
      for (std::int64_t k = owner; k < b.width; k += owners) found_[b.item + k].before += s.column_before[k];
    }
    for (const Scratch& s : scratch_)
      for (const Pair& pair : s.pairs)
        if ((pair.query - b.item) % owners == owner) settle(pair.query, pair.item, pair.product);
    for (std::int64_t k = owner; k < b.width; k += owners) close_if_hopeless(b.item + k);
  }

  bool certain(std::int64_t q, std::int64_t g, float p) const { return p > limits_.strict[q] + items_.strict[g]; }
  bool undecided(std::int64_t q, std::int64_t g, float p) const {
    return p >= limits_.loose[q] + items_.loose[g] && !certain(q, g, p);
  }
  bool may_enter(std::int64_t q, std::int64_t g, float p) const { return p >= limits_.list[q] + items_.loose[g]; }

  void settle(std::int64_t q, std::int64_t g, float p) {
    if (p == -kNever) return;  // left out
    if (undecided(q, g, p)) found_[q].before += comes_before(q, g);
    if (!may_enter(q, g, p)) return;
    NearestList& list = lists_[q - first_list_];
    const float threshold = list.threshold();
    list.offer(p, g);
    if (list.threshold() != threshold) limits_.list[q] = query_loose(query().squares[q], list.threshold(), gallery_.d);
  }

  /// Before the nearest positive, exactly. Copies of it lie as far as it does.
  bool comes_before(std::int64_t q, std::int64_t g) const {
    const ExactItem& positive = positives_[q];
    if (gallery_.first_twin[g] == gallery_.first_twin[positive.index]) return g < positive.index;
    const ExactItem item{exact_squared_distance(query(), q, gallery_, g), static_cast<std::int32_t>(g)};
    return item < positive;
  }

  /// No relevant picture among the R nearest: both precisions are 0, whatever else comes.
  void close_if_hopeless(std::int64_t q) {
    if (found_[q].relevant == 0 || found_[q].before < found_[q].relevant || limits_.list[q] == kNever) return;
    lists_[q - first_list_].close();
    limits_.list[q] = kNever;
  }

  void finish(std::int64_t first, std::int64_t count) {
#pragma omp parallel for schedule(dynamic, 8) num_threads(num_threads())
    for (std::int64_t q = first; q < first + count; ++q) {
      const Found& found = found_[q];
      if (found.relevant == 0) continue;
      QueryRanking ranking{found.relevant, found.before, {}};
      std::int64_t place = 0;
      if (found.before < found.relevant)
        for (const ExactItem& item : lists_[q - first].nearest(found.relevant)) {
          ++place;
          if (input_.gallery_labels[item.index] == input_.query_labels[q]) ranking.places.push_back(place);
        }
      put_(q, ranking);
    }
  }

  static constexpr std::int64_t kRoomOfMany = 16, kRoomOfFew = 256;

  const RankingInput& input_;
  const PutRanking& put_;
  bool same_;
  FramedRows gallery_, other_query_;
  std::vector<ExactItem> positives_;
  QueryLimits limits_;
  ItemLimits items_;
  std::vector<Found> found_;
  std::int64_t first_list_ = 0;
  std::vector<NearestList> lists_;
  std::vector<Scratch> scratch_;
};

}  // namespace

void rank_queries(const RankingInput& input, const PutRanking& put) { Ranking(input, put).run(); }

}  // namespace fledge
