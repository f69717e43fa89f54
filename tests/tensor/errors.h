// The text of the error a call throws; fails the test when it throws none of ours.
#pragma once
#include <catch2/catch.hpp>

#include "base/error.h"

namespace fledge::test {

template <class Call>
std::string error_of(Call call, ErrorKind kind = ErrorKind::Usage) {
  try {
    call();
  } catch (const Error& e) {
    CHECK(e.kind() == kind);
    return e.what();
  }
  FAIL("no error was thrown");
  return "";
}

}  // namespace fledge::test
