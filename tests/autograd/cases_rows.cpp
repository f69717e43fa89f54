#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "tensor/creation.h"
#include "tests/autograd/cases.h"

namespace fledge::test {

std::vector<GradCase> row_cases() {
  const auto f_softmax = [](const Leaves& v) { return softmax(v[0]); };
  const auto f_log_softmax = [](const Leaves& v) { return log_softmax(v[0]); };
  const auto f_log_sum_exp = [](const Leaves& v) { return log_sum_exp(v[0]); };
  // Row 1 has an empty mask, row 2 a single element.
  const Tensor mask = from_vector<std::uint8_t>({1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1}, {4, 4});
  const auto mask_for = [mask](const Variable& v) { return mask.to(v.value().device()); };
  const Tensor wide = uniform({3, 5}, 3, -30, 30);
  return {
      {"softmax", "", {normal({4, 6}, 1)}, f_softmax},
      {"softmax", "one column", {normal({3, 1}, 2)}, f_softmax},
      {"softmax", "wide range", {wide}, f_softmax},
      {"log_softmax", "", {normal({4, 6}, 4)}, f_log_softmax},
      {"log_softmax", "wide range", {wide}, f_log_softmax},
      {"log_sum_exp", "", {normal({4, 6}, 5)}, f_log_sum_exp},
      {"log_sum_exp", "wide range", {wide}, f_log_sum_exp},
      {"masked_row_max",
       "with an empty row",
       {spaced({4, 4}, 6)},
       [=](const Leaves& v) { return masked_row_max(v[0], mask_for(v[0])); }},
      {"masked_row_min",
       "with an empty row",
       {spaced({4, 4}, 7)},
       [=](const Leaves& v) { return masked_row_min(v[0], mask_for(v[0])); }},
      {"masked_row_max",
       "of a computed matrix",
       {spaced({4, 4}, 8)},
       [=](const Leaves& v) {
         return masked_row_max(square(v[0]), mask_for(v[0])) - masked_row_min(v[0], mask_for(v[0]));
       }},
  };
}

}  // namespace fledge::test
