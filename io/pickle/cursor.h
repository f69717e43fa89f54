// Cursor: takes numbers, lines and texts off a pickle's bytes; every length is checked against what is left before
// anything is made of it. Private to io/pickle.
#pragma once
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

#include "io/pickle/reader.h"

namespace fledge::pickle {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in the file");

class Cursor {
 public:
  Cursor(const Source& source, std::uint64_t at) : source_(source), at_(at) {}

  std::uint64_t at() const { return at_; }
  std::uint64_t left() const { return source_.bytes.size() - at_; }
  [[noreturn]] void refuse(const std::string& problem) const { source_.refuse(opcode_at_, problem); }

  unsigned char opcode() {
    opcode_at_ = at_;
    if (left() == 0) refuse("the pickle ends without STOP");
    return static_cast<unsigned char>(source_.bytes[at_++]);
  }
  std::uint64_t opcode_at() const { return opcode_at_; }

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, bytes(sizeof(T)).data(), sizeof(T));
    return value;
  }

  std::string_view bytes(std::uint64_t count) {
    if (count > left())
      refuse("an operand of " + std::to_string(count) + " bytes, but only " + std::to_string(left()) + " are left");
    const std::string_view view = source_.bytes.substr(at_, count);
    at_ += count;
    return view;
  }

  /// A length that is stored signed: negative ones are refused.
  template <class T>
  std::uint64_t length() {
    const T value = number<T>();
    if (value < 0) refuse("an operand of the negative length " + std::to_string(value));
    return static_cast<std::uint64_t>(value);
  }

  /// Up to the next newline, which is taken and left out.
  std::string_view line(std::uint64_t limit) {
    const std::string_view rest = source_.bytes.substr(at_, limit + 1);
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos)
      refuse(rest.size() > limit ? "a text operand of more than " + std::to_string(limit) + " characters"
                                 : "a text operand without an end");
    at_ += end + 1;
    return rest.substr(0, end);
  }

 private:
  const Source& source_;
  std::uint64_t at_, opcode_at_ = 0;
};

}  // namespace fledge::pickle
