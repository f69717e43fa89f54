// Model files of a run, and the same with other numbers in them.
#pragma once
#include <string>

#include "io/checkpoint/safetensors.h"
#include "tests/apps/runner.h"

namespace fledge::test {

/// Copies a model file, one tensor of it times `factor`.
inline void scale(const std::string& from, const std::string& to, const std::string& tensor, double factor) {
  SafetensorsFile file = load_safetensors(from);
  for (auto& [name, t] : file.tensors)
    if (name == tensor)
      for (std::int64_t i = 0; i < t.numel(); ++i) t.data<float>()[i] = static_cast<float>(t.data<float>()[i] * factor);
  save_safetensors(to, file.tensors, file.metadata);
}

/// A file of a checkpoint.
inline std::string file_of(const TempFolder& folder, const std::string& run, const std::string& step,
                           const char* file) {
  return folder / (run + "/checkpoints/" + step + "/" + file);
}

}  // namespace fledge::test
