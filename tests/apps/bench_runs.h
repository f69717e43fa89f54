// Short runs of fledge bench.
#pragma once
#include <sstream>
#include <string>

#include "tests/apps/runner.h"

namespace fledge::test {

inline const std::string kBenchCase = "infer:mobilenet_v1:0.25:2";

inline Arguments quick_bench(const Arguments& more) {
  return Arguments{"bench"} + more + Arguments{"--size", "32", "--seconds", "0", "--rounds", "1", "--threads", "1"};
}
inline Arguments bench_on_cpu(const Arguments& more) { return quick_bench(more + Arguments{"--device", "cpu"}); }

inline nlohmann::json bench_answer(const TempFolder& folder, const Arguments& arguments) {
  return nlohmann::json::parse(must(folder, arguments + Arguments{"--json"}).out);
}

/// The row that begins so in a printed table; empty when there is none.
inline std::string row_of(const std::string& table, const std::string& name) {
  std::istringstream in(table);
  for (std::string line; std::getline(in, line);)
    if (line.rfind(name, 0) == 0) return line;
  return "";
}

}  // namespace fledge::test
