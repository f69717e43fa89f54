// Folders of pictures for a test, and the error of a data set that does not open.
#pragma once
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "data/dataset.h"
#include "tests/support/files.h"

namespace fledge::test {

inline std::string open_error(const std::string& source, const std::string& classes = "",
                              ErrorKind wanted = ErrorKind::BadInput) {
  ErrorKind kind = ErrorKind::Internal;
  const std::string text = error_of([&] { open_dataset({source, classes}); }, &kind);
  CHECK(kind == wanted);
  return text;
}

/// One of the small data sets in their published layouts.
inline std::string tree(const std::string& below) {
  return std::string(FLEDGE_SOURCE_DIR) + "/tests/data/layouts/" + below;
}

inline void picture(const std::string& path, int width, int height) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_png(path, pattern(width, height));
}

}  // namespace fledge::test
