// Walks through a primitive descriptor's implementations, builds plans from the accepted ones and picks one, by rule or
// by the clock.
#pragma once
#include <memory>
#include <vector>

#include "kernels/onednn/choose.h"
#include "kernels/onednn/state.h"
#include "kernels/plan/choices.h"
#include "kernels/plan/fastest.h"

namespace fledge::onednn {

using PlanList = std::vector<std::unique_ptr<Plan>>;

/// describe() -> a fresh primitive descriptor (throws dnnl::error when there is no implementation at all);
/// build(pd) -> unique_ptr<Plan>. Returns at least one plan, or throws.
template <class Key, class Describe, class Build>
PlanList build_plans(const Key& key, Describe describe, Build build) {
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
template <class Key, class Run>
std::unique_ptr<Plan> take_fastest(const Key& key, PlanList plans, Run run) {
  if (plans.size() == 1) return std::move(plans[0]);
  std::vector<std::string> names;
  for (const auto& plan : plans) names.push_back(plan->implementation);
  const auto one = [&](std::size_t i) { run(*plans[i]); };
  return std::move(plans[choices().choose("onednn " + problem_text(key), names, one,
                                          [&](std::size_t i) { return seconds([&] { one(i); }); })]);
}

/// Finds or makes the plan of `key` and runs it. Vendor errors leave as fledge::Error naming `op` and the problem.
template <class Key, class MakePlans, class Run>
void run_plan(ExecContext& ctx, const char* op, const Key& key, MakePlans make_plans, Run run) {
  State& state = state_of(ctx);
  use_threads_of(ctx);
  try {
    auto& plans = state.plans_of(key);
    std::unique_ptr<Plan>* plan = plans.find(key);
    if (!plan) {
      auto run_one = [&](Plan& p) { run(p, state.stream); };
      plan = &plans.insert(key, take_fastest(key, make_plans(key), run_one));
    }
    if (ctx.report) ctx.report->implementation = "onednn:" + (*plan)->implementation;
    run(**plan, state.stream);
  } catch (const dnnl::error& e) {
    rethrow(e, op, describe(key));
  }
}

}  // namespace fledge::onednn
