// What decides the bits of a result besides its arguments: instruction sets, threads, and how choices are made.
#pragma once
#include <string>

namespace fledge {

/// True: every CPU kernel gives the same bits for any number of threads, as sums are divided by the sizes of the
/// problem alone and added up in a fixed order (kernels/README.md). False, the default: the bits belong to a number of
/// threads. Of the whole process; to be set between kernels.
bool thread_invariant();
void set_thread_invariant(bool on);

/// The variable of the environment by which the CPU's implementations are chosen by their speed, so that two runs may
/// differ in the last bits; "" where they are chosen by rule.
std::string chosen_by_the_clock();

}  // namespace fledge
