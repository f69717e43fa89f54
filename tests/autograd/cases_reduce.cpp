#include "autograd/ops/reduce.h"
#include "tests/autograd/cases.h"

namespace fledge::test {
namespace {

std::string describe_axes(const std::vector<int>& axes, bool keep) {
  std::string s = axes.empty() ? "all axes" : "axes";
  for (int axis : axes) s += " " + std::to_string(axis);
  return s + (keep ? ", kept" : "");
}

}  // namespace

std::vector<GradCase> reduce_cases() {
  std::vector<GradCase> cases;
  const Dims d{2, 3, 2, 4};
  for (const std::vector<int>& axes :
       {std::vector<int>{}, {0}, {1}, {3}, {-1}, {0, 2}, {2, 3}, {3, 1}, {0, 1, 2, 3}, {1, 2, 3}}) {
    for (bool keep : {false, true}) {
      const std::string what = describe_axes(axes, keep);
      cases.push_back({"sum", what, {normal(d, 1)}, [=](const Leaves& v) { return sum(v[0], axes, keep); }});
      cases.push_back({"mean", what, {normal(d, 2)}, [=](const Leaves& v) { return mean(v[0], axes, keep); }});
      cases.push_back({"max", what, {spaced(d, 3)}, [=](const Leaves& v) { return max(v[0], axes, keep); }});
      cases.push_back({"min", what, {spaced(d, 4)}, [=](const Leaves& v) { return min(v[0], axes, keep); }});
    }
  }
  const Tensor nhwc = normal(d, 5, Layout::ChannelsLast);
  cases.push_back({"mean", "channels-last over the pixels", {nhwc}, [](const Leaves& v) {
                     return mean(v[0], {2, 3});
                   }});
  cases.push_back(
      {"sum", "channels-last over the channels", {nhwc}, [](const Leaves& v) { return sum(v[0], {1}, true); }});
  return cases;
}

}  // namespace fledge::test
