// Promises 1 and 6: at each call that writes, the process dies or the call fails; the run goes on to the same bytes.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "tests/faults/sweep.h"

using namespace fledge::test;

namespace {

/// Each call of one save; with FLEDGE_FAULT_ALL=1 each call of the whole run (scripts/faults.sh).
void sweep(const std::string& action, const std::vector<std::string>& calls) {
  const bool all = std::getenv("FLEDGE_FAULT_ALL") != nullptr;
  for (const int keep : {1, 2}) {
    const FaultSweep runs(keep);
    int tried = 0;
    for (const std::string& call : calls) {
      const auto range = all ? runs.all(call) : runs.one_save(call);
      for (int k = std::max(range.first, 1); k <= range.last; ++k, ++tried) {
        INFO("--keep " << keep << ", " << action << " at " << call << " number " << k);
        CHECK(runs.tried(action, call, k) == "");
      }
    }
    REQUIRE(tried > 0);
    std::cout << action << ", --keep " << keep << ": " << tried << " faults tried" << std::endl;
  }
}

const std::vector<std::string> kWriting = {"write", "fsync", "close",    "rename",    "unlink",
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
