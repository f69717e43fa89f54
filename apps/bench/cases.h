// What is timed: whole networks with random weights.
#pragma once
#include <string>
#include <vector>

#include "nn/models/model.h"

namespace fledge::bench {

struct BenchCase {
  enum class Mode { Infer, Train, Distill };
  std::string text;  // as it was given
  Mode mode = Mode::Infer;
  ModelSpec model;    // whose inference is timed, or that is trained
  ModelSpec teacher;  // of Distill
  std::int64_t batch = 1;
};

/// infer:ARCH[:WIDTH]:BATCH, train:ARCH[:WIDTH]:BATCH or distill:TEACHER[:WIDTH]:STUDENT[:WIDTH]:BATCH.
/// Errors (Usage): another form, a network that does not exist.
BenchCase parse_case(const std::string& text);

/// The cases of a run that names none.
std::vector<std::string> default_cases(bool on_device);

}  // namespace fledge::bench
