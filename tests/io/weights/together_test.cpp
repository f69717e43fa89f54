// Files that are written together: all new ones, or all old ones.
#include <catch2/catch.hpp>
#include <filesystem>

#include "base/error.h"
#include "io/file.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
namespace fs = std::filesystem;

namespace {

std::string text_in(const std::string& path) {
  const auto bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

void write(const TempFolder& folder, const std::string& text) {
  AtomicFile a(folder / "a"), b(folder / "b"), c(folder / "c");
  for (AtomicFile* file : {&a, &b, &c}) file->append(text.data(), text.size());
  commit_together({&a, &b, &c});
}

std::ptrdiff_t entries(const TempFolder& folder) {
  return std::distance(fs::directory_iterator(std::string(folder.path())), fs::directory_iterator());
}

}  // namespace

TEST_CASE("files written together take their places together") {
  const TempFolder folder;
  write(folder, "one");
  write_file_atomic(folder / "b", "older");
  fs::remove(folder / "c");
  write(folder, "two");  // over old ones, and where there is none
  for (const char* name : {"a", "b", "c"}) CHECK(text_in(folder / name) == "two");
  CHECK(entries(folder) == 3);
}

TEST_CASE("when one of the files cannot take its place, all stay as they were") {
  const TempFolder folder;
  for (const bool old : {false, true}) {
    INFO((old ? "over old files" : "where there are none"));
    if (old) write_file_atomic(folder / "a", "old a"), write_file_atomic(folder / "b", "old b");
    fs::create_directory(folder / "c");
    try {
      write(folder, "new");
      FAIL("a folder was overwritten");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::Resource);
      CHECK(std::string(e.what()).find("/c'") != std::string::npos);
    }
    CHECK(entries(folder) == (old ? 3 : 1));
    if (old) CHECK(text_in(folder / "a") == "old a");
    if (old) CHECK(text_in(folder / "b") == "old b");
    CHECK(fs::is_directory(folder / "c"));
  }
}
