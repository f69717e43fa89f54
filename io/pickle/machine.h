// The machine's stack, marks and memo, with the checks that every opcode needs. Private to io/pickle.
#pragma once
#include <string>
#include <vector>

#include "io/pickle/cursor.h"
#include "io/pickle/graph.h"

namespace fledge::pickle {

class Machine {
 public:
  Machine(const Source& source, std::uint64_t begin, Graph& graph, Budget& budget)
      : in_(source, begin), begin_(begin), graph_(graph), budget_(budget) {}
  Result run();

 private:
  static constexpr std::size_t kMaxStack = 65'536, kMaxMemo = 1'000'000;
  static constexpr std::uint64_t kMaxLine = 4096;         // names and numbers in text
  static constexpr std::uint64_t kMaxTextLine = 1 << 20;  // strings of protocol 0
  static constexpr std::uint64_t kMaxText = 64u << 20;    // strings are views: they cost no memory
  static constexpr std::uint64_t kMaxIntegerBytes = 1024;

  bool step();
  /// opcode families; false: not one of this family
  bool run_number(unsigned char op);
  bool run_text(unsigned char op);
  bool run_container(unsigned char op);
  bool run_object(unsigned char op);
  bool run_memo(unsigned char op);
  bool run_stream(unsigned char op);

  [[noreturn]] void refuse(const std::string& problem) const { in_.refuse(problem); }
  Ref pop();
  Ref top() const;
  /// Takes the mark and everything above it; `items` are those values.
  std::vector<Ref> pop_mark();
  // What opcodes do; always true: the opcode was one of its family.
  bool push(Ref r);
  bool push_text(Kind kind, std::uint64_t length);
  bool push_integer(std::string_view binary);
  bool push_decimal(std::string_view text);
  bool push_tuple(std::size_t count);
  bool append(const std::vector<Ref>& items, bool pairs);
  bool call(Ref callee, Ref arguments);
  Ref name(Ref module, Ref attribute);
  bool put(std::uint64_t index);
  bool get(std::uint64_t index);
  bool begin_frame();
  bool begin_protocol();

  Cursor in_;
  std::uint64_t begin_, frame_end_ = 0;
  Graph& graph_;
  Budget& budget_;
  int protocol_ = 0;
  std::vector<Ref> stack_, memo_;
  std::size_t memo_entries_ = 0;
  std::vector<std::size_t> marks_;
};

}  // namespace fledge::pickle
