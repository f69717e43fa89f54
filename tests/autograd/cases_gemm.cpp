#include "autograd/ops/gemm.h"
#include "autograd/ops/shape.h"
#include "tests/autograd/cases.h"

namespace fledge::test {

std::vector<GradCase> gemm_cases() {
  std::vector<GradCase> cases;
  for (bool ta : {false, true}) {
    for (bool tb : {false, true}) {
      const Dims a = ta ? Dims{4, 3} : Dims{3, 4}, b = tb ? Dims{5, 4} : Dims{4, 5};
      const std::string what = std::string(ta ? "left transposed " : "") + (tb ? "right transposed" : "");
      cases.push_back(
          {"matmul", what, {normal(a, 1), normal(b, 2)}, [=](const Leaves& v) { return matmul(v[0], v[1], ta, tb); }});
      cases.push_back({"matmul", what + " with itself", {normal({4, 4}, 3)}, [=](const Leaves& v) {
                         return matmul(v[0], v[0], ta, tb);
                       }});
    }
  }
  cases.push_back({"matmul", "of a transposed view", {normal({4, 3}, 4), normal({4, 2}, 5)}, [](const Leaves& v) {
                     return matmul(transpose(v[0], 0, 1), v[1]);
                   }});
  cases.push_back({"matmul", "one row, one column", {normal({1, 4}, 6), normal({4, 1}, 7)}, [](const Leaves& v) {
                     return matmul(v[0], v[1]);
                   }});
  cases.push_back({"linear", "with bias", {normal({3, 4}, 8), normal({5, 4}, 9), normal({5}, 10)}, [](const Leaves& v) {
                     return linear(v[0], v[1], v[2]);
                   }});
  cases.push_back({"linear", "without bias", {normal({1, 4}, 11), normal({2, 4}, 12)}, [](const Leaves& v) {
                     return linear(v[0], v[1], Variable());
                   }});
  return cases;
}

}  // namespace fledge::test
