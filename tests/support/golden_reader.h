// Reads the little-endian values of a file of tests/golden that is no safetensors, one after the other.
#pragma once
#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/files.h"

namespace fledge::test {

class GoldenReader {
 public:
  explicit GoldenReader(const std::string& name)
      : bytes_(slurp(std::string(FLEDGE_SOURCE_DIR) + "/tests/golden/" + name)) {}
  bool more() const { return at_ < bytes_.size(); }
  const std::uint8_t* take(std::size_t n) {
    REQUIRE(at_ + n <= bytes_.size());
    at_ += n;
    return bytes_.data() + at_ - n;
  }
  template <class T>
  T value() {
    T v;
    std::memcpy(&v, take(sizeof(T)), sizeof(T));
    return v;
  }
  std::int32_t number() { return value<std::int32_t>(); }
  /// A length and as many bytes.
  Bytes block() {
    const auto length = static_cast<std::size_t>(number());
    const std::uint8_t* bytes = take(length);
    return {bytes, bytes + length};
  }
  std::string text() {
    const Bytes bytes = block();
    return {bytes.begin(), bytes.end()};
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

}  // namespace fledge::test
