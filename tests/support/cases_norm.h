// Batch normalisation problems: channels around every vector width, pictures from
// one pixel up, every activation and residual.
#pragma once
#include <string>
#include <vector>

#include "kernels/api/norm.h"

namespace fledge::test {

struct NormCase {
  Dims x;
  Activation activation;
  bool residual;

  std::string descriptor() const {
    const char* names[] = {"none", "relu", "relu6"};
    return to_string(x) + " " + names[static_cast<int>(activation)] + (residual ? " +residual" : "");
  }
};

inline std::vector<NormCase> norm_cases() {
  std::vector<NormCase> cases;
  for (const Dims& x : {Dims{2, 1, 3, 2}, Dims{2, 3, 5, 4}, Dims{3, 7, 4, 4}, Dims{2, 8, 1, 3}, Dims{2, 13, 3, 3},
                        Dims{4, 16, 5, 5}, Dims{2, 17, 6, 5}, Dims{1, 31, 7, 7}, Dims{5, 33, 1, 1}, Dims{2, 64, 9, 8},
                        Dims{2, 100, 4, 3}, Dims{1, 5, 40, 41}, Dims{2, 256, 2, 2}})
    for (Activation a : {Activation::None, Activation::ReLU, Activation::ReLU6})
      for (bool residual : {false, true}) cases.push_back({x, a, residual});
  return cases;
}

}  // namespace fledge::test
