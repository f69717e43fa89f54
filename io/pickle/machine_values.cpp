// The opcodes that make numbers, texts and containers.
#include <bit>

#include "io/pickle/machine.h"
#include "io/pickle/opcodes.h"
#include "io/pickle/text_operands.h"

namespace fledge::pickle {

bool Machine::run_number(unsigned char op) {
  switch (op) {
    case kNone:
      return push(graph_.add(Kind::None));
    case kNewTrue:
    case kNewFalse:
      return push(graph_.add_bool(op == kNewTrue));
    case kBinInt:
      return push(graph_.add_int(in_.number<std::int32_t>()));
    case kBinInt1:
      return push(graph_.add_int(in_.number<std::uint8_t>()));
    case kBinInt2:
      return push(graph_.add_int(in_.number<std::uint16_t>()));
    case kLong1:
      return push_integer(in_.bytes(in_.number<std::uint8_t>()));
    case kLong4: {
      const std::uint64_t length = in_.length<std::int32_t>();
      if (length > kMaxIntegerBytes) refuse("an integer of " + std::to_string(length) + " bytes");
      return push_integer(in_.bytes(length));
    }
    case kInt: {  // "01" and "00" are how protocols 0 and 1 write true and false
      const std::string_view text = in_.line(kMaxLine);
      return text == "00" || text == "01" ? push(graph_.add_bool(text == "01")) : push_decimal(text);
    }
    case kLong: {
      std::string_view text = in_.line(kMaxLine);
      if (!text.empty() && text.back() == 'L') text.remove_suffix(1);
      return push_decimal(text);
    }
    case kFloat: {
      const auto value = parse_float(in_.line(kMaxLine));
      if (!value) refuse("a text operand that is no number");
      return push(graph_.add_float(*value));
    }
    case kBinFloat: {  // big-endian, unlike everything else
      std::uint64_t bits = 0;
      for (const char c : in_.bytes(8)) bits = bits << 8 | static_cast<unsigned char>(c);
      return push(graph_.add_float(std::bit_cast<double>(bits)));
    }
    default:
      return false;
  }
}

bool Machine::push_integer(std::string_view binary) {
  const auto value = binary_integer(binary);
  return push(value ? graph_.add_int(*value) : graph_.add_text(Kind::BigInt, binary));
}

bool Machine::push_decimal(std::string_view text) {
  const DecimalInteger number = parse_integer(text);
  if (!number.valid) refuse("a text operand that is no whole number");
  return push(number.value ? graph_.add_int(*number.value) : graph_.add_text(Kind::BigInt, text));
}

bool Machine::run_text(unsigned char op) {
  switch (op) {
    case kShortBinString:
      return push_text(Kind::ByteString, in_.number<std::uint8_t>());
    case kBinString:
      return push_text(Kind::ByteString, in_.length<std::int32_t>());
    case kShortBinUnicode:
      return push_text(Kind::Text, in_.number<std::uint8_t>());
    case kBinUnicode:
      return push_text(Kind::Text, in_.number<std::uint32_t>());
    case kBinUnicode8:
      return push_text(Kind::Text, in_.number<std::uint64_t>());
    case kShortBinBytes:
      return push_text(Kind::Bytes, in_.number<std::uint8_t>());
    case kBinBytes:
      return push_text(Kind::Bytes, in_.number<std::uint32_t>());
    case kBinBytes8:
    case kByteArray8:
      return push_text(Kind::Bytes, in_.number<std::uint64_t>());
    case kString:
    case kUnicode: {
      const std::string_view raw = in_.line(kMaxTextLine);
      auto plain = op == kString ? unescape_string(raw) : unescape_unicode(raw);
      if (!plain) refuse(op == kString ? "a string that is not well quoted" : "a string with a cut escape");
      return push(graph_.add_owned_text(op == kString ? Kind::ByteString : Kind::Text, std::move(*plain)));
    }
    default:
      return false;
  }
}

bool Machine::push_text(Kind kind, std::uint64_t length) {
  const std::string_view bytes = in_.bytes(length);  // first: a length beyond the file is the clearer message
  if (length > kMaxText) refuse("a string of " + std::to_string(length) + " bytes");
  return push(graph_.add_text(kind, bytes));
}

bool Machine::run_container(unsigned char op) {
  switch (op) {
    case kEmptyTuple:
      return push_tuple(0);
    case kTuple1:
    case kTuple2:
    case kTuple3:
      return push_tuple(static_cast<std::size_t>(op - kTuple1 + 1));
    case kTuple: {
      const std::vector<Ref> items = pop_mark();
      return push(graph_.add_tuple(items.data(), items.size()));
    }
    case kEmptyList:
      return push(graph_.add(Kind::List));
    case kEmptyDict:
      return push(graph_.add(Kind::Dict));
    case kEmptySet:
      return push(graph_.add(Kind::Set));
    case kList:
    case kDict:
    case kFrozenSet: {
      const std::vector<Ref> items = pop_mark();
      push(graph_.add(op == kList ? Kind::List : op == kDict ? Kind::Dict : Kind::Set));
      return append(items, op == kDict);
    }
    case kAppend:
    case kAppends:
    case kAddItems: {
      const std::vector<Ref> items = op == kAppend ? std::vector<Ref>{pop()} : pop_mark();
      if (graph_.kind(top()) == (op == kAddItems ? Kind::List : Kind::Set))
        refuse(op == kAddItems ? "ADDITEMS to a list" : "APPEND to a set");
      return append(items, false);
    }
    case kSetItem: {
      const Ref value = pop(), key = pop();
      return append({key, value}, true);
    }
    case kSetItems:
      return append(pop_mark(), true);
    default:
      return false;
  }
}

bool Machine::push_tuple(std::size_t count) {
  Ref items[3] = {};
  for (std::size_t i = count; i-- > 0;) items[i] = pop();
  return push(graph_.add_tuple(items, count));
}

/// To the value on top of the stack, which stays there.
bool Machine::append(const std::vector<Ref>& items, bool pairs) {
  const Ref to = top();
  const Kind kind = graph_.kind(to);
  const bool fits = kind == Kind::Object || (pairs ? kind == Kind::Dict : kind == Kind::List || kind == Kind::Set);
  if (!fits) refuse(pairs ? "SETITEM on something that is no dictionary" : "APPEND to something that is no list");
  if (pairs && items.size() % 2) refuse("SETITEMS with a key that has no value");
  graph_.append(to, items.data(), items.size(), pairs);
  return true;
}

}  // namespace fledge::pickle
