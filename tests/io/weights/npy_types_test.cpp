// npy files of every numeric type that people store embeddings in, and tables with contents.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "io/npy.h"
#include "io/table.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

template <class T>
Tensor read_as(const std::string& descr, const std::vector<T>& values) {
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + std::to_string(values.size()) + ",), }";
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size());
  file += '\0';
  file += header;
  file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return parse_npy({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}, "x.npy");
}

template <class T>
void holds(const std::string& descr, const std::vector<T>& values, DType dtype) {
  INFO(descr);
  const Tensor t = read_as(descr, values);
  CHECK(t.dtype() == dtype);
  CHECK(t.to_vector<std::int64_t>() == std::vector<std::int64_t>(values.begin(), values.end()));
}

}  // namespace

TEST_CASE("npy: whole numbers of every size keep their values") {
  holds<std::int8_t>("|i1", {-128, -1, 0, 127}, DType::Int32);
  holds<std::int16_t>("<i2", {-32768, -1, 0, 32767}, DType::Int32);
  holds<std::uint8_t>("|u1", {0, 255}, DType::UInt8);
  holds<std::uint8_t>("|b1", {0, 1}, DType::UInt8);
  holds<std::uint16_t>("<u2", {0, 65535}, DType::Int32);
  holds<std::uint32_t>("<u4", {0, 4294967295u}, DType::Int64);
  holds<std::uint64_t>("<u8", {0, std::uint64_t{1} << 62}, DType::Int64);
  holds<std::int64_t>("<i8", {std::numeric_limits<std::int64_t>::min(), 7}, DType::Int64);
  CHECK_THROWS_WITH((read_as<std::uint64_t>("<u8", {1, std::uint64_t{1} << 63})),
                    Contains("x.npy") && Contains("number 1 is 9223372036854775808"));
}

TEST_CASE("npy: float16 is widened exactly, all 65,536 of it") {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  const Tensor t = read_as("<f2", all);
  REQUIRE(t.dtype() == DType::Float32);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    // What the definition says: sign, exponent - 15, mantissa of 10 bits.
    const int sign = i >> 15 ? -1 : 1, exponent = static_cast<int>(i >> 10 & 31), mantissa = static_cast<int>(i & 1023);
    const float got = t.data<float>()[i];
    if (exponent == 31)
      wrong += mantissa ? !std::isnan(got) : got != sign * std::numeric_limits<float>::infinity();
    else
      wrong += got != static_cast<float>(
                          sign * (exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24)));
  }
  CHECK(wrong == 0);
}

TEST_CASE("npy: types without a place are refused by name") {
  for (const std::string descr : {"<f16", "<c8", ">f2", "|S4", "<M8[ns]", "<U3", "|O"}) {
    INFO(descr);
    CHECK_THROWS_WITH((read_as<std::uint64_t>(descr, {0})), Contains("x.npy"));
  }
}

TEST_CASE("table: the content of each picture, where it is known") {
  const std::string one(32, 'a'), pixels = "pixels:" + std::string(32, '0');
  const LabelTable table{{"a/1.png", "b/2.png", "c/3.png"}, {"x", "y", "z"}, {one, "", pixels}};
  const std::string text = table_text(table);
  CHECK(text.starts_with("path\tlabel\tcontent\na/1.png\tx\t" + one + "\nb/2.png\ty\t\n"));
  const LabelTable back = parse_table(text, "t.tsv");
  CHECK(back.paths == table.paths);
  CHECK(back.labels == table.labels);
  CHECK(back.contents == table.contents);
  CHECK(parse_table("path\tlabel\na\tb\n", "t.tsv").contents.empty());
  CHECK(table_text({{"a"}, {"b"}}) == "path\tlabel\na\tb\n");
  const std::string head = "path\tlabel\tcontent\n";
  CHECK_THROWS_WITH(parse_table(head + "a\tb\n", "t.tsv"), Contains("line 2: 2 columns instead of 3"));
  CHECK_THROWS_WITH(parse_table(head + "a\tb\t\tc\n", "t.tsv"), Contains("line 2: more than 3 columns"));
  for (const std::string& bad : std::vector<std::string>{"12", std::string(32, 'G'), "pixels:", "md5:" + one})
    CHECK_THROWS_WITH(parse_table(head + "a\tb\t" + bad + "\n", "t.tsv"), Contains("line 2") && Contains("no content"));
}
