#include "nn/metrics/clustering.h"

#include <algorithm>
#include <limits>

#include "base/interrupt.h"
#include "nn/retrieval/bounds.h"
#include "nn/retrieval/frame.h"
#include "nn/retrieval/rows.h"
#include "tensor/context.h"
#include "tensor/finite.h"
#include "tensor/ops/gemm.h"
#include "tensor/random.h"

namespace fledge {
namespace {

void check(const Tensor& x, const KMeansOptions& o) {
  const auto usage = [](const std::string& problem) { throw Error(ErrorKind::Usage, "k_means", problem); };
  if (!x.defined() || x.rank() != 2 || !is_comparable(x.dtype()))
    usage("N,D float32 or float64 is needed: " + (x.defined() ? describe(x) : std::string("undefined")));
  if (o.k < 1 || o.k > x.dim(0))
    usage("k is " + std::to_string(o.k) + " with " + std::to_string(x.dim(0)) +
          " rows: it must lie between 1 and them");
  if (o.starts < 1 || o.iterations < 1) usage("starts and iterations count from 1");
  if (const auto bad = first_unsound(x))
    throw Error(ErrorKind::Numeric, "k_means", "row " + std::to_string(bad->index[0]) + " is not finite");
}

/// The nearest centre of a row so far, and a lower bound of what the others' values may be.
struct Choice {
  float value = std::numeric_limits<float>::infinity(), low = value, second = value;
  std::int64_t center = 0;
  void offer(float v, float half, std::int64_t c, float slack) {
    const float bound = v - slack * half;
    if (v < value) {
      second = std::min(second, low);
      value = v, low = bound, center = c;
    } else {
      second = std::min(second, bound);
    }
  }
};

/// One run, from its own centres to its end; T: of the rows and the centres.
template <class T>
class Lloyd {
 public:
  Lloyd(const FramedRows& framed, const Frame& frame, const KMeansOptions& options, std::uint64_t start)
      : framed_(framed),
        frame_(frame),
        x_(framed.rows),
        o_(options),
        n_(x_.dim(0)),
        d_(x_.dim(1)),
        distances_(n_, std::numeric_limits<double>::infinity()) {
    out_.labels.assign(n_, 0);
    out_.centers = Tensor::empty({o_.k, d_}, x_.dtype());
    choose_centers(Generator::of({o_.seed, start}));
  }

  Clustering run() {
    out_.inertia = sum(distances_);  // of the labels that k-means++ leaves
    for (int t = 0; t < o_.iterations; ++t) {
      move_centers();
      assign();
      const double inertia = sum(distances_);
      out_.course.push_back(inertia);
      const bool settled = out_.inertia - inertia <= o_.tolerance * out_.inertia;
      out_.inertia = inertia;
      if (settled) break;
    }
    return std::move(out_);
  }

 private:
  const T* row(std::int64_t i) const { return x_.data<T>() + i * d_; }
  T* center(std::int64_t c) const { return out_.centers.template data<T>() + c * d_; }

  static double sum(const std::vector<double>& v) {
    double s = 0;
    for (const double a : v) s += a;
    return s;
  }

  /// Each next centre is a picture, drawn in proportion to its squared distance from the nearest centre so far.
  void choose_centers(Generator generator) {
    std::int64_t chosen = generator.below(n_);
    for (std::int64_t c = 0; c < o_.k; ++c) {
      stop_if_asked();
      if (c > 0) chosen = draw(generator);
      std::copy_n(row(chosen), d_, center(c));
#pragma omp parallel for schedule(static) num_threads(num_threads())
      for (std::int64_t i = 0; i < n_; ++i) {
        const double distance = exact_squared_distance(row(i), center(c), d_);
        if (distance >= distances_[i]) continue;
        distances_[i] = distance;
        out_.labels[i] = c;
      }
    }
  }

  std::int64_t draw(Generator& generator) const {
    const double total = sum(distances_);
    if (!(total > 0)) return generator.below(n_);  // as many different rows as centres, or fewer
    double left = generator.uniform() * total;
    std::int64_t last = 0;
    for (std::int64_t i = 0; i < n_; ++i) {
      if (distances_[i] == 0) continue;
      last = i;
      left -= distances_[i];
      if (left < 0) break;
    }
    return last;
  }

  void move_centers() {
    std::vector<double> sums(o_.k * d_), counts(o_.k);
    for (std::int64_t i = 0; i < n_; ++i) {
      double* to = &sums[out_.labels[i] * d_];
      ++counts[out_.labels[i]];
      for (std::int64_t k = 0; k < d_; ++k) to[k] += row(i)[k] - frame_.center[k];
    }
    for (std::int64_t c = 0; c < o_.k; ++c)
      for (std::int64_t k = 0; k < d_ && counts[c] > 0; ++k)
        center(c)[k] = static_cast<T>(frame_.center[k] + sums[c * d_ + k] / counts[c]);
    measure();
    for (std::int64_t c = 0; c < o_.k; ++c)
      if (counts[c] == 0) take_farthest(c);
    out_.centers.bump_version();
  }

  void measure() {
#pragma omp parallel for schedule(static) num_threads(num_threads())
    for (std::int64_t i = 0; i < n_; ++i) distances_[i] = exact_squared_distance(row(i), center(out_.labels[i]), d_);
  }

  void take_farthest(std::int64_t c) {
    const auto farthest = std::max_element(distances_.begin(), distances_.end()) - distances_.begin();
    std::copy_n(row(farthest), d_, center(c));
    out_.labels[farthest] = c;
    distances_[farthest] = 0;
  }

  /// Nearest by |c|^2 / 2 - x.c in float32 in the frame, block by block. Where another centre may be as near for all
  /// that float32 knows, all are measured in double.
  void assign() {
    constexpr std::int64_t kBlock = 1024;
    constexpr float kFar = std::numeric_limits<float>::infinity();
    const FramedRows centers = in_frame(out_.centers, frame_);
    const float slack = distance_slack(d_), least = underflow_slack(d_);
    std::vector<float> half(o_.k);
    for (std::int64_t c = 0; c < o_.k; ++c) half[c] = centers.squares[c] / 2;
    for (std::int64_t first = 0; first < n_; first += kBlock) {
      stop_if_asked();
      const std::int64_t rows = std::min(kBlock, n_ - first);
      std::vector<Choice> best(rows);
      for (std::int64_t start = 0; start < o_.k; start += kBlock) {
        const std::int64_t width = std::min(kBlock, o_.k - start);
        const Tensor products =
            matmul(framed_.framed.slice(0, first, rows), centers.framed.slice(0, start, width), false, true);
        const float* p = products.data<float>();
#pragma omp parallel for schedule(static) num_threads(num_threads())
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t c = 0; c < width; ++c)
            best[i].offer(half[start + c] - p[i * width + c], half[start + c], start + c, slack);
      }
#pragma omp parallel for schedule(dynamic, 16) num_threads(num_threads())
      for (std::int64_t i = 0; i < rows; ++i) {
        const Choice& b = best[i];
        if (distances_[first + i] == 0) continue;  // nothing is nearer
        const float unsure = slack * framed_.squares[first + i] + slack * half[b.center] + least;
        if (b.second < kFar && b.second <= b.value + unsure)
          reconsider_all(first + i);
        else
          reconsider(first + i, b.center);
      }
    }
  }

  void reconsider_all(std::int64_t i) {
    for (std::int64_t c = 0; c < o_.k; ++c) reconsider(i, c);
  }

  void reconsider(std::int64_t i, std::int64_t candidate) {
    if (candidate == out_.labels[i]) return;
    const double distance = exact_squared_distance(row(i), center(candidate), d_);
    if (distance >= distances_[i]) return;
    distances_[i] = distance;
    out_.labels[i] = candidate;
  }

  const FramedRows& framed_;
  const Frame& frame_;
  const Tensor& x_;
  const KMeansOptions& o_;
  std::int64_t n_, d_;
  std::vector<double> distances_;  // squared, to the own centre
  Clustering out_;
};

}  // namespace

Clustering k_means(const Tensor& x, const KMeansOptions& options) {
  check(x, options);
  const Tensor given = x.contiguous();
  const ComparableRows compared = comparable_rows(given, given);
  const Tensor& rows = compared.query;
  const Frame frame = frame_of(rows, rows);
  const FramedRows framed = in_frame(rows, frame);
  Clustering best;
  for (int start = 0; start < options.starts; ++start) {
    const auto number = static_cast<std::uint64_t>(start);
    Clustering run = rows.dtype() == DType::Float32 ? Lloyd<float>(framed, frame, options, number).run()
                                                    : Lloyd<double>(framed, frame, options, number).run();
    if (start == 0 || run.inertia < best.inertia) best = std::move(run);
  }
  if (compared.scale != 1)
    throw Error(ErrorKind::Numeric, "k_means", "the numbers' squares leave the range of double",
                "scale the embeddings");
  return best;
}

}  // namespace fledge
