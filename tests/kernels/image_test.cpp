// From stored pixels to network input: by hand, and every table against the reference.
#include <catch2/catch.hpp>

#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;
using Values = std::vector<double>;

namespace {

void check_normalize(const TableUnderTest& t, Operands& make, DType out, double tolerance) {
  const NormalizeParams params{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
  for (const Dims& stored : {Dims{1, 1, 1, 3}, Dims{3, 9, 8, 3}, Dims{4, 8, 16, 3}, Dims{2, 32, 40, 3},
                             Dims{5, 11, 13, 3}, Dims{2, 64, 64, 3}}) {
    HostTensor pixels = t.tensor(stored, DType::UInt8), oracle_pixels(stored, DType::UInt8);
    oracle_pixels.fill_from([&](std::int64_t) { return make.uniform(0, 255.99); });
    pixels.fill_from([&](std::int64_t i) { return oracle_pixels.get(i); });
    Operand y = make.output({stored[0], 3, stored[1], stored[2]}, out);
    t.table.image.normalize(t.ctx, pixels, y.fast, params);
    oracle_table().image.normalize(t.ctx, oracle_pixels, y.oracle, params);
    CHECK(mismatch(t.label() + " " + to_string(stored), y, 1, tolerance) == "");
  }
}

}  // namespace

TEST_CASE("ref normalize: each channel with its own mean and deviation", "[ref][image]") {
  ExecContext ctx(1);
  // Two rows of two pixels: red in fifths, green black and white, blue white.
  const HostTensor pixels({1, 2, 2, 3}, {0, 0, 255, 51, 255, 255, 102, 255, 255, 204, 0, 255}, DType::UInt8);
  HostTensor y({1, 3, 2, 2}, DType::Float64);
  oracle_table().image.normalize(ctx, pixels, y, {{0, 0.5f, -1}, {1, 0.25f, 2}});
  CHECK(y.values() == Values{0, 0.2, 0.4, 0.8, -2, 2, 2, -2, 1, 1, 1, 1});
}

TEST_CASE("normalize: the CPU's bits are those of the formula in float", "[image]") {
  const NormalizeParams all[] = {{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}},
                                 {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}},
                                 {{0.101f, 0.3f, 0.25f}, {0.21f, 0.07f, 1.3f}},
                                 {{0, 0, 0}, {1, 1e-30f, 1e30f}},
                                 {{-3, 7, 1e-20f}, {255, 0.1f, 3}}};
  for_each_table([&](const TableUnderTest& t) {
    if (t.backend) return;  // a GPU multiplies and adds
    for (const NormalizeParams& p : all)
      for (const std::int64_t width : {1, 3, 7, 16, 17, 85, 256}) {
        HostTensor pixels = t.tensor({2, 1, width, 3}, DType::UInt8);
        pixels.fill_from([&](std::int64_t i) { return (i / 3 + 97 * (i % 3)) % 256; });
        const HostTensor y({2, 3, 1, width}, DType::Float32, t.layout);
        t.table.image.normalize(t.ctx, pixels, y, p);
        int wrong = 0;
        for (std::int64_t n = 0; n < 2; ++n)
          for (std::int64_t c = 0; c < 3; ++c)
            for (std::int64_t x = 0; x < width; ++x) {
              const auto pixel = static_cast<float>(pixels.get((n * width + x) * 3 + c));
              wrong += y.get((n * 3 + c) * width + x) != double{(pixel / 255.0f - p.mean[c]) / p.std[c]};
            }
        INFO(t.label() << " width " << width);
        CHECK(wrong == 0);
        CHECK(y.canaries_intact());
      }
  });
}

TEST_CASE("normalize", "[image]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 71);
    check_normalize(t, make, DType::Float32, 4.8e-7);
  });
}

TEST_CASE("normalize to bfloat16", "[image][bf16]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    Operands make(t, 72);
    check_normalize(t, make, DType::BFloat16, kBFloat16Tolerance);
  });
}
