// Golden values of networks: reading them, making the weights they belong to, comparing.
#pragma once
#include <string>

#include "nn/module.h"
#include "tensor/named_tensors.h"
#include "tests/support/formula.h"

namespace fledge::test {

/// tests/golden/NAME
NamedTensors golden_file(const std::string& name);
/// The folder of shared weights and fixtures: $FLEDGE_SHARED, else ../shared beside the project.
std::string shared_path(const std::string& name);
/// False, with a line on standard error, when the file is not there: the test is left out.
bool have_shared(const std::string& name);

/// The tensor of that name; the test fails when there is none.
Tensor find(const NamedTensors& tensors, const std::string& name);
bool has(const NamedTensors& tensors, const std::string& name);
/// The tensors whose names start with `prefix`, without it.
NamedTensors below(const NamedTensors& tensors, const std::string& prefix);

/// Weights and statistics by the rules of `fill` in make_models.py, in the module's dtype. `gain`: of
/// MobileNet's first depthwise layer, to drive ReLU6 to its ceiling.
void fill_by_formula(Module& module, double gain = 1);

/// max |got - expected| / max |expected|; infinity when dims differ or a value is not finite.
double relative_error(const Tensor& got, const Tensor& expected);

}  // namespace fledge::test
