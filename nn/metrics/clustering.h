// How well the classes of a test set are found by clustering: k-means, and the agreement of two labellings.
#pragma once
#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

/// Agreement of two labellings of the same n items; both are symmetric and do not mind how the labels are numbered.
struct Agreement {
  /// I(a, b) / mean(H(a), H(b)): normalised mutual information, arithmetic mean. 1 when both are one class (or empty).
  double nmi = 0;
  /// (I - E[I]) / (mean(H(a), H(b)) - E[I]) with E over random labellings of the same sizes: adjusted for chance
  /// (Vinh, Epps & Bailey 2010). 1 when both put everything in one class or each item in its own.
  double ami = 0;
};
/// Errors (Usage): sizes differ. Takes O(sizes of a x sizes of b x size) for AMI, over distinct sizes only.
Agreement agreement(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b);

struct KMeansOptions {
  std::int64_t k = 8;
  std::uint64_t seed = 0;
  int starts = 1;           // the best of so many runs
  int iterations = 100;     // at most
  double tolerance = 1e-4;  // ends when an iteration lowers the inertia by a smaller share
};
struct Clustering {
  std::vector<std::int64_t> labels;  // N, in 0 .. k - 1
  Tensor centers;                    // k,D
  double inertia = 0;                // sum of squared distances to the centres
  std::vector<double> course;        // the inertia after each iteration: never rises (but for the last digits)
};
/// Lloyd's iterations from k-means++ centres (Arthur & Vassilvitskii 2007). N,D float32 or float64. The nearest centre
/// is chosen by float32 products, in double where they cannot tell centres apart; a picture moves only when its
/// distance in double falls; centres are means of double sums, of the rows' dtype. A centre without pictures takes the
/// one farthest from its own. The same for any number of threads.
/// Errors (Usage): not N,D float32 or float64, k not in 1 .. N, starts or iterations below 1; NaN or infinity
/// (Numeric).
Clustering k_means(const Tensor& x, const KMeansOptions& options);

}  // namespace fledge
