// Files that change while they are read, and files that claim to be larger than any of their kind.
#include <catch2/catch.hpp>

#include "io/file.h"
#include "io/image/image.h"
#include "io/npy.h"
#include "io/table.h"
#include "io/weights/mapped_file.h"
#include "io/weights/weight_file.h"
#include "tensor/creation.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

constexpr std::uintmax_t kTerabyte = std::uintmax_t{1} << 40;

/// A sparse file of a terabyte that begins with these bytes.
void make_sparse(const std::string& path, const std::string& begin) {
  spill(path, begin);
  std::filesystem::resize_file(path, kTerabyte);
}

std::string bad_input(const std::function<void()>& action) {
  ErrorKind kind = ErrorKind::Internal;
  const std::string error = error_of(action, &kind);
  CHECK(kind == ErrorKind::BadInput);
  return error;
}

}  // namespace

TEST_CASE("a mapped file that becomes shorter is an error, not a crash") {
  const TempFolder folder;
  spill(folder / "f", std::string(100'000, 'x'));
  const MappedFile file(folder / "f");
  CHECK(file.bytes()[99'999] == 'x');
  file.check_whole();
  std::filesystem::resize_file(folder / "f", 5'000);
  CHECK(file.bytes()[100] == 'x');
  file.check_whole();
  CHECK(file.bytes()[50'000] == 0);  // its page is gone
  CHECK(file.bytes()[99'999] == 0);
  CHECK(file.bytes()[100] == 'x');
  CHECK_THAT(bad_input([&] { file.check_whole(); }), Contains("became shorter while it was read") && Contains("/f'"));
  spill(folder / "g", std::string(10'000, 'y'));  // others are not concerned
  const MappedFile other(folder / "g");
  CHECK(other.bytes()[9'999] == 'y');
  other.check_whole();
}

TEST_CASE("a weight file that becomes shorter after it was opened") {
  const TempFolder folder;
  for (const char* name : {"p14_deflated.pth", "p17_tensor_transposed.pth", "p12_transposed.pth"}) {
    const std::string source = FLEDGE_CORPUS "/" + std::string(name);
    CAPTURE(name);
    spill(folder / "w", slurp(source));
    const WeightFile file(folder / "w");
    REQUIRE(file.tensors().size() == 1);
    std::filesystem::resize_file(folder / "w", 0);
    CHECK_THAT(bad_input([&] { file.load(file.tensors()[0]); }), Contains("became shorter"));
  }
}

TEST_CASE("sparse files of a terabyte are refused before memory is taken") {
  const TempFolder folder;
  make_sparse(folder / "e.npy", std::string("\x93NUMPY\x01\x00\x46\x00", 10) +
                                    "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }         \n");
  CHECK_THAT(bad_input([&] { load_npy(folder / "e.npy"); }), Contains("needs 48 bytes but the file holds"));
  make_sparse(folder / "h.npy", std::string("\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12));
  CHECK_THAT(bad_input([&] { load_npy(folder / "h.npy"); }), Contains("65,536 are the most"));
  make_sparse(folder / "e.tsv", "path\tlabel\n");
  CHECK_THAT(bad_input([&] { load_table(folder / "e.tsv"); }), Contains("more than the"));
  make_sparse(folder / "p.jpg", "\xff\xd8\xff\xe0");
  CHECK_THAT(bad_input([&] { decode_image_file(folder / "p.jpg"); }), Contains("more than the"));
  make_sparse(folder / "z.npy", "");
  CHECK_THAT(bad_input([&] { load_npy(folder / "z.npy"); }), Contains("no npy file"));
}
