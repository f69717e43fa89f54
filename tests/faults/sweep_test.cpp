// Promises 1 and 6: at each call that writes, the process dies or the call fails; the run goes on to the same bytes.
#include <cstdlib>

#include "tests/faults/sweep.h"

using namespace fledge::test;

namespace {

int number(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

/// Every k; FLEDGE_FAULT_STRIDE=n tries every n-th only (sanitizers, slow machines).
void sweep(const std::string& action, const std::vector<std::string>& calls) {
  const int stride = number("FLEDGE_FAULT_STRIDE", 1);
  for (const int keep : {1, 2}) {
    const FaultSweep runs(keep);
    int tried = 0;
    for (const std::string& call : calls)
      for (int k = 1; k <= runs.calls().at(call); k += stride, ++tried) {
        INFO("--keep " << keep << ", " << action << " at " << call << " number " << k);
        CHECK(runs.tried(action, call, k) == "");
      }
    WARN(action << ", --keep " << keep << ": " << tried << " faults tried");
  }
}

const std::vector<std::string> kWriting = {"write",  "fsync", "close", "rename", "unlink",
                                           "mkdir", "rmdir", "truncate", "fallocate", "open"};

}  // namespace

TEST_CASE("killed at any call that writes, a run goes on to the same bytes", "[faults][kill]") {
  sweep("kill", kWriting);
}

TEST_CASE("killed in the middle of any write, a run goes on to the same bytes", "[faults][torn]") {
  sweep("torn", {"write"});
}

TEST_CASE("a full disk at any call ends with 4 and loses nothing", "[faults][full]") {
  sweep("ENOSPC", {"write", "fsync", "close", "rename", "mkdir", "fallocate", "open"});
}

TEST_CASE("an input/output error at any call ends with 4 and loses nothing", "[faults][error]") {
  sweep("EIO", {"write", "fsync", "close", "rename", "unlink", "mkdir", "rmdir", "truncate", "fallocate", "open",
                "list", "stat"});
}

TEST_CASE("files that may not be opened end with 4 and lose nothing", "[faults][access]") {
  sweep("EACCES", {"open", "list", "stat"});
  sweep("EMFILE", {"open", "list"});
}
