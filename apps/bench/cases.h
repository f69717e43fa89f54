// What is timed: whole networks with random weights, and what lies around them.
#pragma once
#include <string>
#include <vector>

#include "nn/models/model.h"

namespace fledge::bench {

struct BenchCase {
  enum class Mode { Infer, Train, Distill, Start, Load, Retrieval };
  std::string text;  // as it was given
  Mode mode = Mode::Infer;
  ModelSpec model;         // whose inference is timed, or that is trained
  ModelSpec teacher;       // of Distill
  std::int64_t batch = 1;  // pictures of a step; Retrieval: embeddings

  std::string mode_word() const { return text.substr(0, text.find(':')); }
  bool has_network() const { return mode != Mode::Load && mode != Mode::Retrieval; }
  bool trains() const { return mode == Mode::Train || mode == Mode::Distill; }
  /// One process, one measurement: nothing is warmed up.
  bool once() const { return mode == Mode::Start || mode == Mode::Retrieval; }
};

/// infer:ARCH[:WIDTH]:BATCH, train:ARCH[:WIDTH]:BATCH, distill:TEACHER[:WIDTH]:STUDENT[:WIDTH]:BATCH,
/// start:ARCH[:WIDTH], load:PICTURES or retrieval:EMBEDDINGS.
/// Errors (Usage): another form, a network that does not exist.
BenchCase parse_case(const std::string& text);

/// The cases of a run that names none. `peers`: with other programs beside fledge.
std::vector<std::string> default_cases(bool on_device, bool peers);

}  // namespace fledge::bench
