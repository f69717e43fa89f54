// Every triplet of a batch: a truth by hand, and every table against the reference in double.
#include <array>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// Labels 0, 1, ..., classes - 1, 0, 1, ... of rows and columns; a row is not its own positive.
void set_masks(Operand& positive, Operand& negative, std::int64_t rows, std::int64_t columns, std::int64_t classes) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j)
      for (const bool fast : {true, false}) {
        (fast ? positive.fast : positive.oracle).set(i * columns + j, i % classes == j % classes && i != j);
        (fast ? negative.fast : negative.oracle).set(i * columns + j, i % classes != j % classes);
      }
}

}  // namespace

TEST_CASE("all triplets, by hand", "[triplets]") {
  // One anchor, a positive at 1, negatives at 1.1, 0.7 and 3; margin 0.2: hinges 0.1, 0.5 and none.
  ExecContext ctx;
  const HostTensor d({1, 4}, {1, 1.1, 0.7, 3}), positive({1, 4}, {1, 0, 0, 0}, DType::UInt8),
      negative({1, 4}, {0, 1, 1, 1}, DType::UInt8);
  HostTensor v({1}, DType::Float64), c({3}, DType::Float64), g({1, 4}, DType::Float64);
  oracle_table().distance.all_triplets(ctx, d, positive, negative, {}, v, c, g);
  CHECK(v.get(0) == Approx(0.3));
  CHECK(c.values() == std::vector<double>{3, 3, 2});
  CHECK(g.values() == std::vector<double>{1, -0.5, -0.5, 0});

  TripletParams hard;
  hard.upto = 0;  // negatives that are nearer than the positive
  oracle_table().distance.all_triplets(ctx, d, positive, negative, hard, v, c, g);
  CHECK(v.get(0) == Approx(0.5));
  CHECK(c.values() == std::vector<double>{3, 1, 1});
  CHECK(g.values() == std::vector<double>{1, 0, -1, 0});

  TripletParams soft;
  soft.soft = true;
  oracle_table().distance.all_triplets(ctx, d, positive, negative, soft, v, c, g);
  const double expected = std::log1p(std::exp(-0.1)) + std::log1p(std::exp(0.3)) + std::log1p(std::exp(-2.0));
  CHECK(v.get(0) == Approx(expected / 3));
  CHECK(c.values() == std::vector<double>{3, 3, 1});
  CHECK(g.get(3) == Approx(-1 / (1 + std::exp(2.0)) / 3));

  const HostTensor none({1, 4}, {0, 0, 0, 0}, DType::UInt8);
  oracle_table().distance.all_triplets(ctx, d, none, negative, {}, v, c, g);
  CHECK(v.get(0) == 0);
  CHECK(g.values() == std::vector<double>{0, 0, 0, 0});
}

TEST_CASE("all triplets", "[triplets]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 91);
    for (const auto& [rows, columns, classes] :
         {std::array<std::int64_t, 3>{1, 2, 2}, {6, 6, 3}, {13, 13, 4}, {7, 31, 5}, {40, 40, 8}, {3, 1100, 7}})
      for (const bool soft : {false, true})
        for (const auto& [above, upto] : {std::array<double, 2>{-1e300, 1e300}, {-1e300, 0}, {0, 0.2}, {0.2, 1e300}}) {
          TripletParams p;
          p.soft = soft, p.above = above, p.upto = upto;
          const Operand d = make.input({rows, columns}, 0, 2);
          Operand positive = make.output({rows, columns}, DType::UInt8),
                  negative = make.output({rows, columns}, DType::UInt8);
          set_masks(positive, negative, rows, columns, classes);
          Operand value = make.output({1}), counts = make.output({3}, DType::Float64),
                  gradient = make.output({rows, columns});
          t.table.distance.all_triplets(t.ctx, d.fast, positive.fast, negative.fast, p, value.fast, counts.fast,
                                        gradient.fast);
          oracle_table().distance.all_triplets(t.ctx, d.oracle, positive.oracle, negative.oracle, p, value.oracle,
                                               counts.oracle, gradient.oracle);
          const std::string label = t.label() + " " + std::to_string(rows) + "x" + std::to_string(columns) +
                                    (soft ? " soft" : " hinge") + " above " + std::to_string(above > -1e9 ? above : -1);
          CHECK(mismatch(label + " counts", counts, 1, 0) == "");
          CHECK(mismatch(label + " value", value, columns * columns / classes) == "");
          CHECK(mismatch(label + " gradient", gradient, columns) == "");
        }
  });
}
