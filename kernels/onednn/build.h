// Walks through a primitive descriptor's implementations and builds plans from the accepted ones; picks one, by rule
// or by the clock.
#pragma once
#include <chrono>
#include <memory>
#include <vector>

#include "kernels/onednn/choose.h"
#include "kernels/onednn/state.h"

namespace fledge::onednn {

using PlanList = std::vector<std::unique_ptr<Plan>>;

/// describe() -> a fresh primitive descriptor (throws dnnl::error when there is no implementation at all);
/// build(pd) -> unique_ptr<Plan>. Returns at least one plan, or throws.
template <class Describe, class Build>
PlanList build_plans(const PlanKey& key, Describe describe, Build build) {
  PlanList plans;
  const std::size_t wanted = static_cast<std::size_t>(candidates_wanted(key));
  for (const Verdict accepted : {Verdict::Take, Verdict::Slow}) {
    require_room_for_code();
    auto pd = describe();
    do {
      if (judge(key, pd.impl_info_str()) != accepted) continue;
      require_room_for_code();
      plans.push_back(build(pd));
    } while (plans.size() < wanted && pd.next_impl());
    if (!plans.empty()) return plans;
  }
  throw dnnl::error(dnnl_unimplemented, "no implementation left that is not known to be wrong");
}

/// run(plan) executes the whole problem; every candidate computes a valid result, so the caller's output may be used.
template <class Run>
std::unique_ptr<Plan> take_fastest(PlanList plans, Run run) {
  if (plans.size() == 1) return std::move(plans[0]);
  using Clock = std::chrono::steady_clock;
  constexpr int kRounds = 3;
  std::vector<double> best(plans.size(), 1e300);
  for (auto& plan : plans) run(*plan);  // warm up: page in, pack
  for (int round = 0; round < kRounds; ++round)
    for (std::size_t i = 0; i < plans.size(); ++i) {
      const auto start = Clock::now();
      run(*plans[i]);
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      if (seconds < best[i]) best[i] = seconds;
    }
  std::size_t fastest = 0;
  for (std::size_t i = 1; i < plans.size(); ++i)
    if (best[i] < 0.98 * best[fastest]) fastest = i;  // a near tie stays with the vendor's order
  return std::move(plans[fastest]);
}

/// Finds or makes the plan of `key` and runs it. Vendor errors leave as fledge::Error naming `op` and the problem.
template <class MakePlans, class Run>
void run_plan(ExecContext& ctx, const char* op, const PlanKey& key, MakePlans make_plans, Run run) {
  State& state = state_of(ctx);
  try {
    Plan* plan = state.plans.find(key);
    if (!plan) {
      auto run_one = [&](Plan& p) { run(p, state.stream); };
      plan = &state.plans.insert(key, take_fastest(make_plans(key), run_one));
    }
    run(*plan, state.stream);
  } catch (const dnnl::error& e) {
    rethrow(e, op, describe(key));
  }
}

}  // namespace fledge::onednn
