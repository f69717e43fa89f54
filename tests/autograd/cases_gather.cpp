#include "autograd/ops/gather.h"
#include "tensor/creation.h"
#include "tests/autograd/cases.h"

namespace fledge::test {

std::vector<GradCase> gather_cases() {
  const auto indices = [](const Leaves& v, std::vector<std::int64_t> values) {
    return from_vector(values, {static_cast<std::int64_t>(values.size())}).to(v[0].value().device());
  };
  return {
      {"take_along_row",
       "",
       {normal({4, 5}, 1)},
       [=](const Leaves& v) {
         return take_along_row(v[0], indices(v, {4, 0, 2, 2}));
       }},
      {"index_select",
       "repeated, reordered and left-out rows",
       {normal({4, 3}, 2)},
       [=](const Leaves& v) {
         return index_select(v[0], indices(v, {2, 0, 2, 2, 3, 0}));
       }},
      {"index_select",
       "one row",
       {normal({4, 3}, 3)},
       [=](const Leaves& v) { return index_select(v[0], indices(v, {1})); }},
      {"concat",
       "rows",
       {normal({2, 3}, 4), normal({1, 3}, 5), normal({3, 3}, 6)},
       [](const Leaves& v) {
         return concat({v[0], v[1], v[2]}, 0);
       }},
      {"concat",
       "last axis, counted from the end",
       {normal({2, 3}, 7), normal({2, 1}, 8)},
       [](const Leaves& v) {
         return concat({v[0], v[1]}, -1);
       }},
      {"concat",
       "channels",
       {normal({2, 1, 2, 2}, 9, Layout::ChannelsLast), normal({2, 3, 2, 2}, 10)},
       [](const Leaves& v) {
         return concat({v[0], v[1]}, 1);
       }},
      {"concat",
       "one variable twice",
       {normal({2, 3}, 11)},
       [](const Leaves& v) {
         return concat({v[0], v[0]}, 0);
       }},
  };
}

}  // namespace fledge::test
