// The choice among implementations by the clock (FLEDGE_CONV_CHOICE=measure), kept between runs.
#pragma once
#include <mutex>
#include <span>
#include <unordered_map>

#include "kernels/cpu/conv/implementation.h"
#include "kernels/plan/choice_file.h"
#include "kernels/plan/plan_cache.h"

namespace fledge::cpu {

class MeasuredChoice {
 public:
  explicit MeasuredChoice(ChoiceFile file) : file_(std::move(file)) {}

  /// The fastest of those that take the call, which are in the order of the rule: known from this run or an earlier one
  /// of the same machine, build and number of threads, else measured now, on the call's own operands. The first of them
  /// where the call cannot be computed twice (its residual lies in its output) or bits must not depend on the number of
  /// threads (thread_invariant()).
  const ConvImplementation& of(ExecContext& ctx, const ConvCall& call,
                               std::span<const ConvImplementation* const> takers);

 private:
  struct Key : ConvProblem {
    std::int64_t threads = 0;

    friend bool operator==(const Key&, const Key&) = default;
  };
  const ConvImplementation& measure(ExecContext& ctx, const ConvCall& call,
                                    std::span<const ConvImplementation* const> takers);

  std::mutex mutex_;
  std::unordered_map<Key, const ConvImplementation*, KeyHash<Key>> known_;
  ChoiceFile file_;
};

/// That of the process; null unless FLEDGE_CONV_CHOICE=measure. Throws Error(Usage) for a value that it has not.
MeasuredChoice* measured_choice();

}  // namespace fledge::cpu
