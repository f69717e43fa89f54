// Random numbers: the published answers of Philox, independence of order and layout, distributions.
#include "tensor/random.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/philox.h"
#include "tests/tensor/errors.h"

using namespace fledge;
using test::error_of;

TEST_CASE("Philox4x32-10 gives the published answers", "[random]") {  // Random123's kat_vectors
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  Generator g(0);
  CHECK(g.next_u64() == 0xe169c58d6627e8d5);
  CHECK(g.next_u64() == 0x9b00dbd8bc57ac4c);
}

TEST_CASE("a draw depends on key and counter only", "[random]") {
  Generator g(42);
  std::vector<std::uint64_t> draws;
  for (int i = 0; i < 9; ++i) draws.push_back(g.next_u64());
  CHECK(g.counter() == 9);
  for (std::uint64_t i : {8, 3, 0, 5}) CHECK(Generator(42, i).next_u64() == draws[i]);
  CHECK(Generator(43).next_u64() != draws[0]);
  CHECK(Generator::of({1, 2, 3}).key() == Generator::of({1, 2, 3}).key());
  CHECK(Generator::of({1, 2, 3}).key() != Generator::of({1, 3, 2}).key());
  CHECK(Generator::of({0}).key() != Generator::of({0, 0}).key());
}

TEST_CASE("the layout does not change the values", "[random]") {
  const Dims dims{2, 3, 5, 5};
  for (DType t : {DType::Float32, DType::Float64}) {
    Generator a(7), b(7), c(7), d(7);
    CHECK(rand_normal(dims, a, 1, 2, t).to_vector<double>() ==
          rand_normal(dims, b, 1, 2, t, Layout::ChannelsLast).to_vector<double>());
    CHECK(rand_uniform(dims, c, -1, 1, t).to_vector<double>() ==
          rand_uniform(dims, d, -1, 1, t, Layout::ChannelsLast).to_vector<double>());
    CHECK(a.counter() == b.counter());
    const Tensor like = zeros(dims, t), cl = zeros(dims, t, Layout::ChannelsLast);
    CHECK(dropout_mask(like, 0.5, a).to_vector<double>() == dropout_mask(cl, 0.5, b).to_vector<double>());
    CHECK(dropout_mask(cl, 0.5, c).is_channels_last());
  }
  // Consecutive tensors are consecutive draws, wherever the pair boundary of the normals falls.
  Generator odd(7, 1), same(7, 1), one_by_one(7, 1), at_once(7, 1);
  std::vector<double> drawn;
  for (int i = 0; i < 6; ++i) drawn.push_back(one_by_one.uniform());
  CHECK(rand_uniform({6}, at_once, 0, 1, DType::Float64).to_vector<double>() == drawn);
  rand_normal({3}, odd);
  CHECK(odd.counter() == 5);
  CHECK(rand_normal({1}, same).item() == Approx(Generator(7, 1).normal()));
}

TEST_CASE("uniform and normal have the right moments", "[random]") {
  Generator g(3);
  const int n = 200000;
  const std::vector<double> u = rand_uniform({n}, g, 0, 1, DType::Float64).to_vector<double>();
  const double mean = std::accumulate(u.begin(), u.end(), 0.0) / n;
  CHECK(std::abs(mean - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(*std::min_element(u.begin(), u.end()) >= 0);
  CHECK(*std::max_element(u.begin(), u.end()) < 1);
  const std::vector<double> z = rand_normal({n}, g, 0, 1, DType::Float64).to_vector<double>();
  double moments[5] = {}, neighbors = 0, below_one = 0;
  for (int i = 0; i < n; ++i) {
    for (int k = 1; k <= 4; ++k) moments[k] += std::pow(z[i], k) / n;
    if (i > 0) neighbors += z[i] * z[i - 1] / n;
    below_one += z[i] < 1;
  }
  CHECK(std::abs(moments[1]) < 5 / std::sqrt(n));
  CHECK(std::abs(moments[2] - 1) < 5 * std::sqrt(2.0 / n));
  CHECK(std::abs(moments[3]) < 5 * std::sqrt(15.0 / n));
  CHECK(std::abs(moments[4] - 3) < 5 * std::sqrt(96.0 / n));
  CHECK(std::abs(neighbors) < 5 / std::sqrt(n));
  CHECK(std::abs(below_one / n - 0.841345) < 5 * std::sqrt(0.1335 / n));
}

TEST_CASE("many draws below a bound are those of one call after the other", "[random]") {
  // The last bound refuses a quarter of the words.
  for (const std::int64_t n : {std::int64_t{1}, std::int64_t{6}, std::int64_t{60502}, std::int64_t{3} << 61})
    for (const std::uint64_t start : {0, 1, 5, 1000, 1001})
      for (const std::int64_t count : {0, 1, 7, 8, 9, 300}) {
        Generator one(42, start), many(42, start);
        std::vector<std::int64_t> expected, drawn(static_cast<std::size_t>(count) + 1, -1);
        for (std::int64_t i = 0; i < count; ++i) expected.push_back(one.below(n));
        expected.push_back(-1);  // nothing is written behind them
        many.fill_below(n, drawn.data(), count);
        CHECK(drawn == expected);
        CHECK(many.counter() == one.counter());
      }
  // Past 2^32 blocks, where both halves of a block's number count.
  std::uint64_t words[2 * kPhiloxBlocks];
  for (const std::uint64_t block : {std::uint64_t{0}, (std::uint64_t{1} << 32) - 2, ~std::uint64_t{0} - 9}) {
    philox_words(0x123456789abcdef0, block, words);
    for (std::uint64_t i = 0; i < kPhiloxBlocks; ++i) {
      const std::array<std::uint64_t, 2> one = philox_words(0x123456789abcdef0, block + i);
      CHECK(words[2 * i] == one[0]);
      CHECK(words[2 * i + 1] == one[1]);
    }
  }
}

TEST_CASE("below is fair and bounded", "[random]") {
  Generator g(5);
  const int n = 60000;
  std::vector<int> counts(6);
  for (int i = 0; i < n; ++i) {
    const std::int64_t v = g.below(6);
    REQUIRE((v >= 0 && v < 6));
    ++counts[v];
  }
  double chi2 = 0;
  for (int c : counts) chi2 += (c - n / 6.0) * (c - n / 6.0) / (n / 6.0);
  CHECK(chi2 < 25.7);  // 5 degrees of freedom, p = 1e-4
  CHECK(g.below(1) == 0);
  CHECK(error_of([&] { g.below(0); }) == "[Generator::below] the bound must be positive: 0");
}

TEST_CASE("shuffle permutes, every order as often", "[random]") {
  Generator g(11);
  std::vector<int> counts(6);
  for (int i = 0; i < 6000; ++i) {
    std::vector<std::int64_t> v{0, 1, 2};
    g.shuffle(v);
    std::vector<std::int64_t> sorted = v;
    std::sort(sorted.begin(), sorted.end());
    REQUIRE(sorted == std::vector<std::int64_t>{0, 1, 2});
    ++counts[v[0] * 2 + (v[1] > v[2])];
  }
  for (int c : counts) CHECK(std::abs(c - 1000) < 145);  // five standard deviations
}

TEST_CASE("dropout keeps what it should and scales it", "[random]") {
  Generator g(1);
  const std::vector<double> mask = dropout_mask(zeros({100000}), 0.25, g).to_vector<double>();
  int kept = 0;
  for (double m : mask) {
    REQUIRE((m == 0 || m == Approx(4.0 / 3)));
    kept += m > 0;
  }
  CHECK(std::abs(kept - 75000) < 5 * std::sqrt(100000 * 0.25 * 0.75));
  CHECK(dropout_mask(zeros({3}), 0, g).to_vector<double>() == std::vector<double>{1, 1, 1});
  CHECK(error_of([&] { dropout_mask(zeros({3}), 1, g); }) ==
        "[dropout_mask] the probability must be in [0, 1): 1.000000");
  CHECK(error_of([&] { rand_normal({3}, g, 0, 1, DType::Int64); }).find("float32 or float64, not int64") !=
        std::string::npos);
}
