// Products of rows of 16-bit whole numbers: a truth by hand, and every table against the reference, bit for bit.
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/ref/table.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

double packed(int low, int high) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(high) << 16 | (static_cast<std::uint32_t>(low) & 0xffff));
}

/// Rows whose products the kernel may be asked for: of norm 2^15.5 at most, some of them one number of 32767.
Operand codes(Operands& make, std::int64_t rows, std::int64_t elements) {
  Operand o = make.integers({rows, elements}, DType::Int32, 0, 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    const bool single = i % 3 == 1;
    const double most = std::floor(std::exp2(15.4) / std::sqrt(2.0 * static_cast<double>(elements)));
    const double limit = std::min(most, 32767.0);
    for (std::int64_t k = 0; k < elements; ++k) {
      const auto number = [&] { return single ? 0 : static_cast<int>(make.uniform(-limit, limit)); };
      double v = packed(number(), number());
      if (single && k == i % elements) v = i % 2 ? packed(-32767, 0) : packed(0, 32767);
      o.fast.set(i * elements + k, v), o.oracle.set(i * elements + k, v);
    }
  }
  return o;
}

/// On the host.
HostTensor in_float(const Operand& o) { return o.oracle.as(DType::Float32, HostLayout::Contiguous); }

}  // namespace

TEST_CASE("ref products of quantized rows by hand", "[ref][quantized]") {
  ExecContext ctx(1);
  HostTensor a({1, 2}, DType::Int32), b({2, 2}, DType::Int32), products({1, 2}, DType::Float64);
  a.set(0, packed(3, -4)), a.set(1, packed(-1, 32767));
  b.set(0, packed(-5, 7)), b.set(1, packed(-32767, 32767));
  b.set(2, packed(0, 0)), b.set(3, packed(2, 0));
  const HostTensor a_scale({1}, {0.5}, DType::Float64), b_scale({2}, {2, 0.25}, DType::Float64);
  oracle_table().distance.quantized_products(ctx, a, a_scale, b, b_scale, products);
  CHECK(products.get(0) == -15 - 28 + 32767 + 32767.0 * 32767);
  CHECK(products.get(1) == -0.25);
}

TEST_CASE("products of quantized rows", "[quantized]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 83);
    struct Sizes {
      std::int64_t rows, width, elements;
    };
    for (const auto& [rows, width, elements] : {Sizes{1, 1, 1}, Sizes{5, 16, 3}, Sizes{6, 15, 7}, Sizes{13, 33, 40},
                                                Sizes{29, 70, 257}, Sizes{200, 90, 64}, Sizes{3, 40, 20000}}) {
      const Operand a = codes(make, rows, elements), b = codes(make, width, elements);
      const Operand a_scale = make.input({rows}, 1e-5, 1e-4), b_scale = make.input({width}, 0, 2);
      Operand products = make.output({rows, width});
      run_both(t, [&](const KernelTable& table, Side s) {
        ExecContext plain(1);
        table.distance.quantized_products(s == Side::Fast ? t.ctx : plain, a[s], a_scale[s], b[s], b_scale[s],
                                          products[s]);
      });
      ExecContext plain(1);
      HostTensor expected({rows, width}, DType::Float32);
      ref::ref_table<float>().distance.quantized_products(plain, a.oracle, in_float(a_scale), b.oracle,
                                                          in_float(b_scale), expected);
      CHECK(products.fast.values() == expected.values());
      CHECK(mismatch(t.label() + " products", products, 1, 2.4e-7) == "");
    }
  });
}
