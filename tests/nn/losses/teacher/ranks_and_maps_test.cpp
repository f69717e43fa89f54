// DarkRank's lists and its number; stage maps that are resized, and those that do not fit.
#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "nn/losses/teacher/maps.h"
#include "nn/losses/teacher/ranking.h"
#include "nn/losses/teacher/stages.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tests/nn/losses/teacher/pair_losses.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

TEST_CASE("what DarkRank's number says", "[losses][teacher]") {
  // On a line; from 0 the teacher sees 1, 3, 7 in this order.
  const Tensor g = from_vector(std::vector<double>{0, 1, 3, 7}, {4, 1});
  CHECK(values_of(darkrank(Variable(g), g, {RankForm::Hard, 1, 1, 3}).numbers)[0] ==
        std::pair<std::string, double>("rank_agreement", 1));
  // The last two change places: of three pairs each, 0 and 1 lose one; 3 and 7 see what the other saw.
  const Tensor f = from_vector(std::vector<double>{0, 1, 7, 3}, {4, 1});
  const double expected = darkrank(Variable(f), g, {RankForm::Hard, 1, 1, 3}).numbers[0].second.value();
  // Lists: 0: 1,3,7 -> 1,7,3 away (2 of 3). 1: 0,3,7 -> 1,6,2 (2 of 3). 3: 1,0,7 -> 6,7,4 (1 of 3).
  // 7: 3,1,0 -> 4,2,3 (1 of 3).
  CHECK(expected == Approx(6.0 / 12));
}

TEST_CASE("DarkRank takes equal distances by number, and shortens lists in small batches", "[losses][teacher]") {
  const Tensor square = from_vector(std::vector<double>{0, 0, 0, 1, 1, 1, 1, 0}, {4, 2});
  const Variable f(random_normal({4, 3}, 22));
  // Of picture 0 the nearest are 1 and 3, equally near: 1 is taken.
  const std::vector<double> d = pairwise_distance(f.value(), f.value()).to_vector<double>();
  const auto log_p = [&](int i, int first, int second) {
    const double a = -d[i * 4 + first], b = -d[i * 4 + second];
    return a - std::log(std::exp(a) + std::exp(b));
  };
  const double expected = -(log_p(0, 1, 3) + log_p(1, 0, 2) + log_p(2, 1, 3) + log_p(3, 0, 2)) / 4;
  CHECK(darkrank(f, square, {RankForm::Hard, 1, 1, 2}).value.item() == Approx(expected));
  CHECK(darkrank(f, square, {RankForm::Hard, 1, 1, 3}).value.item() ==
        darkrank(f, square, {RankForm::Hard, 1, 1, 30}).value.item());
  CHECK_THROWS_WITH(darkrank(f, square, {RankForm::Soft, 1, 1, 6}), Catch::Contains("at most 5"));
  CHECK_THROWS_AS(darkrank(f, square, {RankForm::Hard, 1, 1, 0}), Error);
}

TEST_CASE("resized maps", "[losses][teacher]") {
  const Tensor row = from_vector(std::vector<double>{0, 2, 4, 6}, {1, 1, 1, 4});
  CHECK(resize_map(row, 1, 4).to_vector<double>() == std::vector<double>{0, 2, 4, 6});
  CHECK(resize_map(row, 1, 4).shares_storage_with(row));
  CHECK(resize_map(row, 1, 2).to_vector<double>() == std::vector<double>{1, 5});
  CHECK(resize_map(row, 1, 3).to_vector<double>() == std::vector<double>{1, 3, 5});
  CHECK(resize_map(row, 2, 1).to_vector<double>() == std::vector<double>{3, 3});
  CHECK(resize_map(row.reshape({1, 1, 4, 1}), 8, 1).to_vector<double>() ==
        std::vector<double>{0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6});
  CHECK_THROWS_WITH(resize_map(row, 0, 3), Catch::Contains("0x3"));
  CHECK_THROWS_AS(resize_map(row.reshape({1, 4}), 1, 3), Error);
}

TEST_CASE("maps that do not fit are refused", "[losses][teacher]") {
  const Variable a(random_normal({2, 3, 4, 4}, 1)), w(random_normal({5, 3, 1, 1}, 2));
  CHECK_THROWS_WITH(attention(a, random_normal({3, 3, 4, 4}, 3)),
                    Catch::Contains("2x3x4x4") && Catch::Contains("3x3x4x4"));
  CHECK_THROWS_AS(attention(a, random_normal({2, 3}, 3)), Error);
  CHECK_THROWS_AS(hint(a, w, random_normal({2, 6, 4, 4}, 3), false), Error);  // W makes 5 channels
  CHECK_THROWS_AS(hint(a, Variable(random_normal({5, 4, 1, 1}, 2)), random_normal({2, 5, 4, 4}, 3), false), Error);
}
