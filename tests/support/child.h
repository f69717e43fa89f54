// Code whose end or whose memory a test wants to see, in a child process.
#pragma once
#include <functional>
#include <string>

namespace fledge::test {

/// What `action` returned in the child, or how the child ended: "killed by signal N", "ended without a word", "threw
/// ...". The action is given the descriptor of the pipe that takes its report; at most 4,000 bytes of it arrive.
std::string in_child(const std::function<std::string(int report)>& action);

/// A line of /proc/self/status in KiB: "VmRSS:" resident now, "VmHWM:" the most so far. 0: there is none.
long status_kib(const std::string& key);

}  // namespace fledge::test
