// The backward pass: hands gradients from a result to the leaves, newest node first, without recursion.
#pragma once
#include <string>

#include "autograd/variable.h"

namespace fledge {

/// root: requires a gradient; seed: its dims and dtype. Called by Variable::backward, which checks both.
/// Every node is released once it has run; leaves add the gradient to what they have.
/// Errors: Usage when a node was released by an earlier pass, or a saved tensor was written since forward;
/// Internal when a node returns a gradient of wrong dims or dtype.
void run_backward(const Variable& root, Tensor seed);

/// "conv2d 8x64x56x56 min -0.25 max 0.5 finite" (or "NOT FINITE"). With FLEDGE_DEBUG_GRAD=1 in the
/// environment the engine prints this line to standard error for the gradient that enters each
/// node and for the one that reaches each leaf.
std::string describe_gradient(const char* name, const Tensor& gradient);

}  // namespace fledge
