// Spread and rank of an embedding: by hand, against NumPy
// (tests/golden/make_metrics.py), and eigenvalues by themselves.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "nn/metrics/eigenvalues.h"
#include "nn/metrics/spread.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/nn/metrics/brute.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;
using Labels = std::vector<std::int64_t>;

TEST_CASE("mean distances of a whole set are those of the plain way", "[metrics]") {
  Generator g(31);
  for (const std::int64_t n : {5, 1500}) {  // one block, and several
    const Tensor x = rand_normal({n, 12}, g, 3, 0.5);
    Labels y;
    for (std::int64_t i = 0; i < n; ++i) y.push_back(g.below(4));
    const auto [positive, negative] = brute_force_distances(x, y);
    const MeanDistances m = mean_distances(x, y);
    CHECK(m.positive == Approx(positive).epsilon(1e-5));
    CHECK(m.negative == Approx(negative).epsilon(1e-5));
  }
  const MeanDistances hand = mean_distances(from_vector(std::vector<float>{0, 0, 3, 4, 0, 1}, {3, 2}), {1, 1, 2});
  CHECK(hand.positive == Approx(5));
  CHECK(hand.negative == Approx((1 + std::sqrt(9.0 + 9.0)) / 2));
  CHECK(mean_distances(zeros({0, 3}), {}).negative == 0);
  CHECK(mean_distances(ones({4, 3}), {1, 1, 2, 2}).positive == 0);
  CHECK_THROWS_AS(mean_distances(zeros({2, 3}), {1}), Error);
}

TEST_CASE("eigenvalues of a symmetric matrix", "[metrics]") {
  const NamedTensors file = golden_file("metrics.safetensors");
  const std::vector<double> a = find(file, "symmetric").to_vector<double>(),
                            expected = find(file, "eigenvalues").to_vector<double>();
  const std::vector<double> got = symmetric_eigenvalues(a, 30);
  REQUIRE(got.size() == 30);
  for (std::size_t i = 0; i < 30; ++i) CHECK(got[i] == Approx(expected[i]).margin(1e-12));
  // Only the lower triangle counts.
  std::vector<double> lower = a;
  for (int i = 0; i < 30; ++i)
    for (int j = i + 1; j < 30; ++j) lower[i * 30 + j] = std::nan("");
  CHECK(symmetric_eigenvalues(lower, 30) == got);
  CHECK(symmetric_eigenvalues({7}, 1) == std::vector<double>{7});
  CHECK(symmetric_eigenvalues({}, 0).empty());
  CHECK(symmetric_eigenvalues({1, 0, 0, 0, 3, 0, 0, 0, 2}, 3) == std::vector<double>{3, 2, 1});
  CHECK(symmetric_eigenvalues(std::vector<double>(16, 0.0), 4) == std::vector<double>(4, 0.0));
  const std::vector<double> two = symmetric_eigenvalues({0, 1, 1, 0}, 2);
  CHECK(two[0] == Approx(1));
  CHECK(two[1] == Approx(-1));
  CHECK_THROWS_AS(symmetric_eigenvalues({std::nan(""), 0, 0, std::nan("")}, 2), Error);
}

TEST_CASE("rank of an embedding", "[metrics]") {
  const NamedTensors file = golden_file("metrics.safetensors");
  for (const std::string name : {"tall", "wide"}) {
    INFO(name);
    const EmbeddingRank rank = embedding_rank(find(file, name + ".x"));
    const std::vector<double> expected = find(file, name + ".rank").to_vector<double>();
    CHECK(rank.effective == Approx(expected[0]).epsilon(1e-5));
    CHECK(rank.participation == Approx(expected[1]).epsilon(1e-5));
    CHECK(rank.top_share == Approx(expected[2]).epsilon(1e-5));
  }
  // Two directions of equal variance, far from the origin.
  const EmbeddingRank two = embedding_rank(from_vector(std::vector<float>{9, 5, 5, 1, 5, 5, 5, 9, 5, 5, 1, 5}, {4, 3}));
  CHECK(two.effective == Approx(2));
  CHECK(two.participation == Approx(2));
  CHECK(two.top_share == Approx(0.5));
  const EmbeddingRank line = embedding_rank(from_vector(std::vector<float>{1, 2, 2, 4, 3, 6}, {3, 2}));
  CHECK(line.effective == Approx(1).epsilon(1e-5));
  CHECK(line.top_share == Approx(1));
  CHECK(embedding_rank(ones({5, 4})).effective == 0);
  CHECK(embedding_rank(zeros({0, 4})).effective == 0);
  CHECK_THROWS_AS(embedding_rank(zeros({4})), Error);
  CHECK_THROWS_AS(embedding_rank(from_vector(std::vector<float>{1, std::nanf("")}, {1, 2})), Error);
}
