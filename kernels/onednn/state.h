// What the vendor's room keeps in an ExecContext: one stream and the plans. Also engine, threads and error wrapping.
#pragma once
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/api/exec_context.h"
#include "kernels/onednn/plan.h"
#include "kernels/plan/plan_cache.h"

namespace fledge::onednn {

struct State : VendorState {
  State();
  dnnl::stream stream;
  template <class Key>
  using Plans = PlanCache<Key, std::unique_ptr<Plan>>;  // a plan takes 50-100 KB, most of it machine code
  Plans<ConvKey> convolutions{"oneDNN"};
  Plans<MatmulKey> products{"oneDNN"};
  Plans<ConvKey>& plans_of(const ConvKey&) { return convolutions; }
  Plans<MatmulKey>& plans_of(const MatmulKey&) { return products; }
  std::vector<std::unique_ptr<ExecContext>> lanes;  // of parts.h, each for one thread
  bool is_lane = false;
};

/// The process's one CPU engine. FLEDGE_CPU_ISA, where it is set, caps oneDNN's instruction set before it is made.
const dnnl::engine& engine();
/// The context's State, made on first use.
State& state_of(ExecContext& ctx);
/// Gives OpenMP, of which oneDNN takes its threads, the context's number. Before a primitive is made or run.
void use_threads_of(const ExecContext& ctx);
/// Throws dnnl::error(out of memory) where the process may not take 32 MiB more: 3.2 writes the code of a primitive
/// through a null pointer where there is no room for it. To be called before a primitive is made, which is rare.
void require_room_for_code();
/// Throws fledge::Error with the vendor's text and the problem: Resource when memory ran out, Internal otherwise.
[[noreturn]] void rethrow(const dnnl::error& e, const char* op, const std::string& problem);

}  // namespace fledge::onednn
