// Which of a problem's engines runs.
//
// Default: the first of the heuristics' list that can be built and started; the same every time on one kind of device.
// FLEDGE_CUDNN_TUNE=1: a problem's first use times up to eight and keeps the fastest for the life of the context. The
// winner of a near tie is chance, and engines round differently: such runs may differ in the last bits.
#pragma once
#include "kernels/cudnn/state.h"

namespace fledge::cudnn {

/// Runs `key` once into the operands (every candidate computes the whole result) and returns the plan that did it.
/// Throws VendorError when no engine can.
ConvPlan choose_and_run(State& state, const ProblemKey& key, void* const* operands, int count);

/// Enqueues with workspace from the stream's pool.
void run_candidate(State& state, const ConvGraph& graph, int candidate, std::size_t workspace, void* const* operands,
                   int count);

}  // namespace fledge::cudnn
