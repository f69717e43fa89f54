// Agreement of labellings against scikit-learn (tests/golden/make_metrics.py), and k-means.
#include <catch2/catch.hpp>
#include <cmath>

#include "nn/metrics/clustering.h"
#include "nn/retrieval/frame.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
using Labels = std::vector<std::int64_t>;

TEST_CASE("NMI and AMI are those of scikit-learn", "[metrics]") {
  const NamedTensors file = golden_file("metrics.safetensors");
  for (const std::string name :
       {"unrelated", "related", "renumbered", "refined", "one_against_many", "small_classes", "own_class_each"}) {
    INFO(name);
    const Labels a = find(file, name + ".a").to_vector<std::int64_t>(),
                 b = find(file, name + ".b").to_vector<std::int64_t>();
    for (const Agreement& got : {agreement(a, b), agreement(b, a)}) {
      CHECK(got.nmi == Approx(find(file, name + ".nmi").item()).epsilon(1e-10).margin(1e-10));
      CHECK(got.ami == Approx(find(file, name + ".ami").item()).epsilon(1e-10).margin(1e-10));
    }
  }
  const Agreement one = agreement({4, 4, 4}, {1, 1, 1});
  CHECK(one.nmi == 1);
  CHECK(one.ami == 1);
  CHECK(agreement({}, {}).nmi == 1);
  CHECK_THROWS_WITH(agreement({1}, {1, 2}), Contains("1 and 2 items"));
}

namespace {

/// Overlapping clusters.
Tensor cloud(std::int64_t n, std::int64_t d, std::int64_t classes, double noise, Labels* labels = nullptr) {
  Generator g(41);
  const std::vector<float> centers = rand_normal({classes, d}, g).to_vector<float>();
  std::vector<float> x;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t y = g.below(classes);
    if (labels) labels->push_back(y);
    for (std::int64_t k = 0; k < d; ++k) x.push_back(static_cast<float>(centers[y * d + k] + noise * g.normal()));
  }
  return from_vector(x, {n, d});
}

double inertia_of(const Tensor& x, const Clustering& c) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.dim(0); ++i)
    sum += exact_squared_distance(x.data<float>() + i * x.dim(1), c.centers.data<float>() + c.labels[i] * x.dim(1),
                                  x.dim(1));
  return sum;
}

}  // namespace

TEST_CASE("k-means finds clusters that lie apart", "[metrics]") {
  Labels labels;
  const Tensor x = cloud(300, 8, 6, 0.02, &labels);
  const Clustering c = k_means(x, {.k = 6, .seed = 3, .starts = 4});
  CHECK(agreement(labels, c.labels).nmi == Approx(1));
  CHECK(c.inertia == Approx(inertia_of(x, c)));
  CHECK(c.inertia < 300 * 8 * 0.02 * 0.02 * 1.2);
}

TEST_CASE("the inertia of k-means never rises, and every picture ends at its nearest centre", "[metrics]") {
  const Tensor x = cloud(700, 5, 9, 0.8);
  const Clustering c = k_means(x, {.k = 20, .tolerance = 0});
  REQUIRE(c.course.size() > 3);
  for (std::size_t i = 1; i < c.course.size(); ++i) CHECK(c.course[i] <= c.course[i - 1] * (1 + 1e-12));
  CHECK(c.inertia == c.course.back());
  CHECK(c.inertia == Approx(inertia_of(x, c)));
  for (std::int64_t i = 0; i < 700; ++i) {
    const auto distance = [&](std::int64_t k) {
      return exact_squared_distance(x.data<float>() + i * 5, c.centers.data<float>() + k * 5, 5);
    };
    for (std::int64_t k = 0; k < 20; ++k) CHECK(distance(c.labels[i]) <= distance(k) + 1e-6);
  }
  CHECK(k_means(x, {.k = 20, .starts = 5}).inertia <= k_means(x, {.k = 20}).inertia);
}

TEST_CASE("k-means: the seed decides, threads do not; hard cases", "[metrics]") {
  const Tensor x = cloud(200, 4, 5, 0.7);
  const int before = num_threads();
  set_num_threads(1);
  const Clustering one = k_means(x, {.k = 7, .seed = 1});
  set_num_threads(2);
  const Clustering two = k_means(x, {.k = 7, .seed = 1});
  set_num_threads(before);
  CHECK(one.labels == two.labels);
  CHECK(one.inertia == two.inertia);
  CHECK(one.labels != k_means(x, {.k = 7, .seed = 2}).labels);
  CHECK(k_means(x, {.k = 200}).inertia == 0);           // a centre for each
  CHECK(k_means(ones({9, 3}), {.k = 4}).inertia == 0);  // copies only
  const Clustering single = k_means(from_vector(std::vector<float>{1, 2, 6}, {3, 1}), {.k = 1});
  CHECK(single.centers.item() == 3);
  CHECK(single.inertia == Approx(4 + 1 + 9));
  CHECK_THROWS_WITH(k_means(x, {.k = 201}), Contains("201") && Contains("200"));
  CHECK_THROWS_AS(k_means(x, {.k = 0}), Error);
  CHECK_THROWS_AS(k_means(x, {.k = 2, .starts = 0}), Error);
}
