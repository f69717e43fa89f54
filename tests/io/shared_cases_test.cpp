// Weight files that fledge once got wrong (shared folder, cases/README.md).
#include <catch2/catch.hpp>

#include "io/weights/checksum.h"
#include "io/weights/weight_file.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;

TEST_CASE("cases: the upper bytes of a tar file's axis count are noise") {
  const std::string noisy = shared_folder("cases/w_tar_padding/upper_bytes_of_ndim.pth");
  const std::string plain = shared_folder("fixtures/tar_2017_dtypes.pth");
  if (noisy.empty() || plain.empty()) {
    WARN("skipped: no shared cases (set FLEDGE_SHARED)");
    return;
  }
  const WeightFile a(noisy), b(plain);
  REQUIRE(a.tensors().size() == b.tensors().size());
  CHECK(a.tensors().size() > 3);
  for (std::size_t i = 0; i < a.tensors().size(); ++i) {
    CAPTURE(a.tensors()[i].name);
    CHECK(a.tensors()[i].name == b.tensors()[i].name);
    CHECK(a.tensors()[i].shape == b.tensors()[i].shape);
    CHECK(sha256_of(a, a.tensors()[i]) == sha256_of(b, b.tensors()[i]));
  }
}
