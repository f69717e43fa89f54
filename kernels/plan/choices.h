// Choices: which implementation of a problem the clock chose, in this process, in the run that goes on, or earlier on
// this machine (ChoiceFile).
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/plan/choice_file.h"

namespace fledge {

class Choices {
 public:
  explicit Choices(ChoiceFile file) : file_(std::move(file)) {}

  /// The number of the candidate, of those named in the order of preference: chosen before, else the fastest by
  /// time(i), which runs candidate i and returns seconds. prepare(i) is run once before, so that pages and packing do
  /// not count.
  std::size_t choose(const std::string& problem, const std::vector<std::string>& names,
                     const std::function<void(std::size_t)>& prepare, const std::function<double(std::size_t)>& time);

  std::map<std::string, std::string> used() const;
  void prefer(const std::map<std::string, std::string>& choices);

 private:
  // While one measures, others that have to choose wait: they would spoil the times. (Lanes that need not, go on.) A
  // candidate may itself have to choose.
  mutable std::recursive_mutex mutex_;
  std::map<std::string, std::string> used_, preferred_;
  ChoiceFile file_;
};

/// Those of this process, kept in a file for each processor, instruction set and build.
Choices& choices();

}  // namespace fledge
