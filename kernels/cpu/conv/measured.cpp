#include "kernels/cpu/conv/measured.h"

#include <algorithm>

#include "kernels/api/autotune.h"
#include "kernels/api/reproducibility.h"
#include "kernels/plan/fastest.h"
#include "kernels/plan/packed_weights.h"

namespace fledge::cpu {

const ConvImplementation& MeasuredChoice::of(ExecContext& ctx, const ConvCall& call,
                                             std::span<const ConvImplementation* const> takers) {
  const Key key{call.problem(), ctx.threads(), call.inference, static_cast<std::int64_t>(call.precision),
                call.moments != nullptr};
  if (takers.size() == 1 || key.epilogue & kResidualInPlace || thread_invariant()) return *takers.front();
  const std::lock_guard lock(mutex_);
  const ConvImplementation*& known = known_[key];
  if (!known) {
    const std::string problem = text_of(key, key.threads) + (call.inference ? ", inference" : "") +
                                (call.precision == Precision::Int16  ? ", int16"
                                 : call.precision == Precision::Int8 ? ", int8"
                                                                     : "") +
                                (call.moments ? ", moments" : "");
    std::vector<std::string> names;
    for (const ConvImplementation* i : takers) names.emplace_back(i->name);
    const auto run = [&](std::size_t i) {
      if (call.moments) call.moments->forget();
      takers[i]->run(ctx, call);
      if (call.moments && !call.moments->begun()) call.moments->pass(ctx, call.y.as<float>());
    };
    known = takers[choices_.choose(problem, names, run, [&](std::size_t i) { return seconds([&] { run(i); }); })];
    PackedWeights::forget(call.w);  // the losers' forms too
  }
  const bool takes = std::find(takers.begin(), takers.end(), known) != takers.end();
  return takes ? *known : *takers.front();  // strides are not in the key
}

MeasuredChoice* measured_choice() {
  if (autotune() == Autotune::Off) return nullptr;
  static MeasuredChoice choice(choices());
  return &choice;
}

}  // namespace fledge::cpu
