// THREAT_MODEL.md names a test behind each of its sentences: each of them must be there, and each row must name one.
#include <catch2/catch.hpp>
#include <regex>
#include <sstream>

#include "tests/apps/runner.h"

using namespace fledge::test;

TEST_CASE("the threat model names tests that exist", "[structure]") {
  const std::string root = FLEDGE_SOURCE_DIR;
  std::istringstream page(text_of(root + "/THREAT_MODEL.md"));
  const std::regex part(R"re(`(tests/[^`]+)`|"([^"]+)")re");
  int rows = 0, tests = 0;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| ") || line.starts_with("| promise |")) continue;
    ++rows;
    const std::string proof = line.substr(line.find(" | ") + 3);
    std::string source, file;
    int named = 0;
    for (std::sregex_iterator i(proof.begin(), proof.end(), part), end; i != end; ++i) {
      if ((*i)[1].matched) {
        file = (*i)[1];
        source = text_of(root + "/" + file);
        continue;
      }
      INFO(file << ": " << (*i)[2]);
      CHECK(source.find("TEST_CASE(\"" + (*i)[2].str() + "\"") != std::string::npos);
      ++named, ++tests;
    }
    INFO(line);
    CHECK(named > 0);
  }
  CHECK(rows > 10);
  CHECK(tests >= rows);
}
