// Runs code in a child process that may read and compute, and nothing else.
#pragma once
#include <functional>
#include <string>

namespace fledge::test {

/// What `action` returned in the child, or how the child ended: "forbidden system call N", "killed by signal N", "ended
/// without a word", "threw ...". The child may open files for reading only; it may not start processes or threads, use
/// sockets, make memory executable, or change files. It may use 4 seconds of processor time and `memory` bytes
/// of address space more than it starts with (0: any number).
std::string watched(std::size_t memory, const std::function<std::string()>& action);

}  // namespace fledge::test
