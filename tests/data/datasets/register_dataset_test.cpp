// Data sets that a program adds to those that open_dataset() knows.
#include <catch2/catch.hpp>

#include "base/error.h"
#include "tests/data/made_dataset.h"

using namespace fledge;
using namespace fledge::test;

TEST_CASE("datasets: one of a program's own", "[datasets]") {
  register_dataset([](const std::string& source) -> std::shared_ptr<Dataset> {
    if (source != "own:twelve") return nullptr;
    return std::make_shared<Made>(std::vector<int>{3, 4, 5});
  });
  CHECK(open_dataset({"own:twelve", ""})->size() == 12);
  CHECK(open_dataset({"own:twelve", "0,2"})->classes() == 2);
  CHECK_THROWS_AS(open_dataset({"own:another", ""}), Error);
}
