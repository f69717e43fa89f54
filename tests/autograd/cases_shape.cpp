#include "autograd/ops/eltwise.h"
#include "autograd/ops/shape.h"
#include "tests/autograd/cases.h"

namespace fledge::test {

std::vector<GradCase> shape_cases() {
  return {
      {"reshape",
       "",
       {normal({2, 6}, 1)},
       [](const Leaves& v) {
         return reshape(v[0], {3, 4});
       }},
      {"reshape",
       "inferred size",
       {normal({2, 3, 4}, 2)},
       [](const Leaves& v) {
         return reshape(v[0], {-1, 6});
       }},
      {"reshape",
       "channels-last to a matrix",
       {normal({2, 3, 2, 2}, 3, Layout::ChannelsLast)},
       [](const Leaves& v) {
         return square(reshape(v[0], {2, 12}));
       }},
      {"transpose", "", {normal({3, 4}, 4)}, [](const Leaves& v) { return square(transpose(v[0], 0, 1)); }},
      {"transpose",
       "inner axes",
       {normal({2, 3, 2, 4}, 5)},
       [](const Leaves& v) { return exp(transpose(v[0], 1, 3)); }},
      {"slice", "rows", {normal({5, 3}, 6)}, [](const Leaves& v) { return slice(v[0], 0, 1, 3); }},
      {"slice",
       "columns, counted from the end",
       {normal({3, 5}, 7)},
       [](const Leaves& v) { return square(slice(v[0], -1, 2, 2)); }},
      {"slice",
       "channels of channels-last",
       {normal({2, 4, 2, 2}, 8, Layout::ChannelsLast)},
       [](const Leaves& v) { return slice(v[0], 1, 1, 2); }},
      {"slice",
       "overlapping slices of one variable",
       {normal({5, 2}, 9)},
       [](const Leaves& v) { return slice(v[0], 0, 0, 3) * slice(v[0], 0, 2, 3); }},
      {"expand",
       "column",
       {normal({3, 1}, 10)},
       [](const Leaves& v) {
         return square(expand(v[0], {3, 4}));
       }},
      {"expand",
       "missing leading axis",
       {normal({4}, 11)},
       [](const Leaves& v) {
         return expand(v[0], {3, 4});
       }},
  };
}

}  // namespace fledge::test
