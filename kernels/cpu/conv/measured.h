// The choice among implementations by the clock (--autotune), kept between runs.
#pragma once
#include <mutex>
#include <span>
#include <unordered_map>

#include "kernels/cpu/conv/implementation.h"
#include "kernels/plan/choices.h"
#include "kernels/plan/plan_cache.h"

namespace fledge::cpu {

class MeasuredChoice {
 public:
  explicit MeasuredChoice(Choices& choices) : choices_(choices) {}

  /// The fastest of those that take the call, the rule's choice first: known from this run or an earlier one of the
  /// same machine, build and number of threads, else measured now, on the call's own operands. The first where the call
  /// cannot be computed twice (its residual lies in its output) or bits must not depend on the number of threads
  /// (thread_invariant()).
  const ConvImplementation& of(ExecContext& ctx, const ConvCall& call,
                               std::span<const ConvImplementation* const> takers);

 private:
  struct Key : ConvProblem {
    std::int64_t threads = 0, inference = 0, precision = 0, moments = 0;

    friend bool operator==(const Key&, const Key&) = default;
  };

  std::mutex mutex_;
  std::unordered_map<Key, const ConvImplementation*, KeyHash<Key>> known_;
  Choices& choices_;
};

/// That of the process; null where the rule chooses.
MeasuredChoice* measured_choice();

}  // namespace fledge::cpu
