// Safetensors written from tensors that are fetched piece by piece.
#include <algorithm>
#include <catch2/catch.hpp>

#include "io/checkpoint/safetensors.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;

TEST_CASE("save_safetensors: pieces become the file; a fetch that fails leaves the old one", "[weights]") {
  const TempFolder folder;
  std::vector<TensorToSave> tensors;
  const std::vector<std::int64_t> sizes = {1, 9'000'000, 0, 3, 20'000'000, 17'000'001, 5, 8'000'000};
  for (std::size_t i = 0; i < sizes.size(); ++i)
    tensors.push_back({"t" + std::to_string(i), ElementType::U8, {sizes[i]}, [i, n = sizes[i]](const ByteSink& sink) {
                         std::string piece(1'000'003, '\0');  // in pieces that fit nothing
                         for (std::int64_t at = 0; at < n; at += static_cast<std::int64_t>(piece.size())) {
                           const std::size_t count = std::min(piece.size(), static_cast<std::size_t>(n - at));
                           for (std::size_t k = 0; k < count; ++k)
                             piece[k] = static_cast<char>((at + static_cast<std::int64_t>(k)) * 31 +
                                                          static_cast<std::int64_t>(i));
                           sink(piece.data(), count);
                         }
                       }});
  save_safetensors(folder / "file", tensors, {{"a", "b"}});
  const Bytes whole = slurp(folder / "file");
  const WeightFile file(folder / "file");
  REQUIRE(file.tensors().size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    std::string expected, got;
    tensors[i].write([&](const char* bytes, std::size_t size) { expected.append(bytes, size); });
    file.read(file.tensors()[i], [&](const char* bytes, std::size_t size) { got.append(bytes, size); });
    CHECK(file.tensors()[i].name == tensors[i].name);
    CHECK((got == expected));  // not printed: millions of bytes
  }
  tensors[4].write = [](const ByteSink&) { throw Error(ErrorKind::BadInput, "", "damaged on the way"); };
  CHECK_THAT(error_of([&] { save_safetensors(folder / "file", tensors, {}); }), Catch::Contains("damaged on the way"));
  CHECK((slurp(folder / "file") == whole));  // what was there before
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
