// Whether the number of threads may decide the bits of a result. How implementations are chosen: autotune.h.
#pragma once

namespace fledge {

/// True: every CPU kernel gives the same bits for any number of threads, as sums are divided by the sizes of the
/// problem alone and added up in a fixed order (kernels/README.md). False, the default: the bits belong to a number of
/// threads. Of the whole process; to be set between kernels.
bool thread_invariant();
void set_thread_invariant(bool on);

}  // namespace fledge
