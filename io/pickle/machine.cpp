#include "io/pickle/machine.h"

#include <cstdio>

#include "base/error.h"
#include "base/printable.h"
#include "io/pickle/opcodes.h"

namespace fledge::pickle {
namespace {

/// Those of protocol 0, which a pickle without PROTO may be: with any other it is of protocol 1.
constexpr char kTextOpcodes[] = "ILSNVFlatds02(gpcRbiP";

std::string hex_of(unsigned char op) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", op);
  return text;
}

}  // namespace

Result Machine::run() {
  try {
    while (step()) {
    }
  } catch (GraphLimit limit) {
    refuse(limit == GraphLimit::Deep ? "values nested more than 256 deep" : "a pickle of more than 64 MiB of values");
  }
  if (frame_end_ && in_.at() != frame_end_) refuse("STOP inside a frame that goes on");
  if (stack_.empty()) refuse("STOP on an empty stack");
  if (stack_.size() > 1 || !marks_.empty()) refuse("STOP leaves values on the stack");
  return {stack_.back(), protocol_, in_.at()};
}

/// One opcode; false: it was STOP.
bool Machine::step() {
  const unsigned char op = in_.opcode();
  if (budget_.opcodes == 0) refuse("more than 2,000,000 opcodes");
  --budget_.opcodes;
  if (op == kStop) return false;
  if (std::string_view(kTextOpcodes).find(static_cast<char>(op)) == std::string_view::npos && protocol_ == 0)
    protocol_ = 1;
  const bool known =
      run_number(op) || run_text(op) || run_container(op) || run_object(op) || run_memo(op) || run_stream(op);
  if (!known) refuse("unknown pickle opcode " + hex_of(op));
  if (frame_end_ && in_.at() > frame_end_) refuse("an opcode crosses the end of its frame");
  if (in_.at() == frame_end_) frame_end_ = 0;
  return true;
}

bool Machine::run_stream(unsigned char op) {
  switch (op) {
    case kProto:
      return begin_protocol();
    case kFrame:
      return begin_frame();
    case kMark:
      if (marks_.size() >= kMaxStack) refuse("more than 65,536 marks");
      marks_.push_back(stack_.size());
      return true;
    case kPop:  // of a mark, when nothing lies above it
      if (!marks_.empty() && marks_.back() == stack_.size()) return marks_.pop_back(), true;
      pop();
      return true;
    case kPopMark:
      pop_mark();
      return true;
    case kDup:
      return push(top());
    case kExt1:
    case kExt2:
    case kExt4:
      refuse("an extension code: what it means is known to the writer's Python alone");
    case kPersId:
      refuse("a persistent id in text form, which PyTorch never writes");
    case kNextBuffer:
    case kReadOnlyBuffer:
      refuse("an out-of-band buffer, which is not part of the file");
    default:
      return false;
  }
}

bool Machine::begin_protocol() {
  const int version = in_.number<std::uint8_t>();
  if (in_.opcode_at() != begin_) refuse("PROTO in the middle of a pickle");
  if (version > 5) refuse("pickle protocol " + std::to_string(version) + "; 5 is the newest");
  protocol_ = version;
  return true;
}

bool Machine::begin_frame() {
  const std::uint64_t size = in_.number<std::uint64_t>();
  if (frame_end_) refuse("a frame inside a frame");
  if (size > in_.left())
    refuse("a frame of " + std::to_string(size) + " bytes, but only " + std::to_string(in_.left()) + " are left");
  if (size > 0) frame_end_ = in_.at() + size;
  return true;
}

bool Machine::run_memo(unsigned char op) {
  const auto index_in_text = [&] {
    const std::string_view text = in_.line(kMaxLine);
    std::uint64_t index = 0;
    for (const char c : text) {
      if (c < '0' || c > '9' || index > kMaxMemo) refuse("a memo index that is no number up to 1,000,000");
      index = index * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (text.empty()) refuse("an empty memo index");
    return index;
  };
  switch (op) {
    case kPut:
      return put(index_in_text());
    case kBinPut:
      return put(in_.number<std::uint8_t>());
    case kLongBinPut:
      return put(in_.number<std::uint32_t>());
    case kMemoize:
      return put(memo_entries_);  // as in Python: how many there are, whatever their numbers
    case kGet:
      return get(index_in_text());
    case kBinGet:
      return get(in_.number<std::uint8_t>());
    case kLongBinGet:
      return get(in_.number<std::uint32_t>());
    default:
      return false;
  }
}

bool Machine::put(std::uint64_t index) {
  if (index >= kMaxMemo) refuse("memo index " + std::to_string(index) + " is beyond 1,000,000");
  if (index >= memo_.size()) memo_.resize(index + 1, kNoRef);
  if (memo_[index] == kNoRef) ++memo_entries_;
  memo_[index] = top();
  return true;
}

bool Machine::get(std::uint64_t index) {
  if (index >= memo_.size() || memo_[index] == kNoRef) refuse("memo entry " + std::to_string(index) + " was never put");
  return push(memo_[index]);
}

bool Machine::push(Ref r) {
  if (stack_.size() >= kMaxStack) refuse("more than 65,536 values on the stack");
  stack_.push_back(r);
  return true;
}

Ref Machine::top() const {
  const std::size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) refuse("the stack is empty where a value is needed");
  return stack_.back();
}

Ref Machine::pop() {
  const Ref r = top();
  stack_.pop_back();
  return r;
}

std::vector<Ref> Machine::pop_mark() {
  if (marks_.empty()) refuse("no mark on the stack where one is needed");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Ref> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

Result read(const Source& source, std::uint64_t begin, Graph& graph, Budget& budget) {
  Machine machine(source, begin, graph, budget);
  return machine.run();
}

void Source::refuse(std::uint64_t at, const std::string& problem, const std::string& hint) const {
  std::string where = " at byte " + std::to_string(file_offset + at);
  if (!member.empty() && file_offset == 0) where += " of '" + member + "'";
  if (!member.empty() && file_offset != 0) where += " (in '" + member + "')";
  throw Error(ErrorKind::BadInput, "", "cannot read '" + file + "': " + printable(problem) + where, hint);
}

}  // namespace fledge::pickle
