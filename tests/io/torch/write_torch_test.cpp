// Files written as torch.save writes them, read back. (That today's PyTorch opens them is asked by scripts/parity.py.)
#include <algorithm>
#include <catch2/catch.hpp>

#include "io/torch/write_torch.h"
#include "tensor/creation.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;

namespace {

std::string bytes_of(const WeightFile& file, const StoredTensor& t) {
  std::string all;
  file.read(t, [&](const char* p, std::size_t n) { all.append(p, n); });
  return all;
}

TensorToSave raw(const std::string& name, ElementType type, std::vector<std::int64_t> shape, std::string bytes) {
  return {name, type, std::move(shape), [bytes](const ByteSink& sink) { sink(bytes.data(), bytes.size()); }};
}

}  // namespace

TEST_CASE("a written .pth gives back names, order, types, shapes and bits", "[weights]") {
  const TempFolder folder;
  std::vector<TensorToSave> tensors = {
      to_save("z.weight", from_vector<float>({1, -0.0f, 3e38f, 4, 5, 6}, {2, 3})),
      to_save("a", zeros({}, DType::Int64)),
      to_save("gr\xc3\xb6\xc3\x9f"
              "e",
              zeros({0, 3})),
      raw("half", ElementType::F16, {3}, "\x01\x02\x03\x04\x05\x06"),
      raw("flags", ElementType::Bool, {2}, std::string("\x01\x00", 2)),
      raw("bf", ElementType::BF16, {1, 1, 2}, "abcd"),
      to_save("transposed", from_vector<double>({1, 2, 3, 4, 5, 6}, {2, 3}).transpose(0, 1)),
      raw("large", ElementType::U8, {70000}, std::string(70000, '\x31')),
  };
  save_torch(folder / "w.pth", tensors);
  const WeightFile file(folder / "w.pth");
  CHECK(file.info().container == "zip");
  CHECK(file.info().unknown.empty());
  CHECK(file.info().warnings.empty());
  CHECK(file.info().root == "collections.OrderedDict");
  REQUIRE(file.tensors().size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    INFO(tensors[i].name);
    const StoredTensor& t = file.tensors()[i];
    CHECK(t.name == tensors[i].name);
    CHECK(t.type == tensors[i].type);
    CHECK(t.shape == tensors[i].shape);
    std::string expected;
    tensors[i].write([&](const char* p, std::size_t n) { expected.append(p, n); });
    CHECK(bytes_of(file, t) == expected);
  }
  const auto transposed = file.load(file.tensors()[6]).to_vector<double>();
  CHECK(transposed == std::vector<double>{1, 4, 2, 5, 3, 6});

  // As PyTorch's: every storage begins at a multiple of 64 bytes.
  const Bytes bytes = slurp(folder / "w.pth");
  const std::string needle(64, '\x31');
  const auto at = std::search(bytes.begin(), bytes.end(), needle.begin(), needle.end()) - bytes.begin();
  CHECK(at % 64 == 0);
}

TEST_CASE("what a .pth cannot hold is an error, and leaves nothing", "[weights]") {
  const TempFolder folder;
  const Tensor t = zeros({1});
  CHECK_THAT(error_of([&] {
               save_torch(folder / "w.pth", {to_save("a", t), to_save("a", t)});
             }),
             Catch::Contains("twice"));
  CHECK_THAT(error_of([&] { save_torch(folder / "w.pth", {raw("u", ElementType::U16, {1}, "ab")}); }),
             Catch::Contains("uint16") && Catch::Contains("safetensors"));
  CHECK(std::filesystem::is_empty(folder.path()));
}
