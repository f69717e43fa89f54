// The opcode machine: bytes of a pickle of protocol 0 to 5 into a Graph. It imports, calls and creates nothing.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "io/pickle/graph.h"

namespace fledge::pickle {

/// The bytes that pickles are read from, and what they are called in messages.
struct Source {
  std::string file;               // path of the file
  std::string_view bytes;         // must outlive the graph
  std::string member = {};        // within a zip or tar; empty: the file itself
  std::uint64_t file_offset = 0;  // where `bytes` begin in the file; for members that lie there as they are

  /// Throws Error(BadInput): "cannot read 'FILE': PROBLEM at byte N (of MEMBER)".
  [[noreturn]] void refuse(std::uint64_t at, const std::string& problem, const std::string& hint = "") const;
};

/// Counted over all pickles of a file.
struct Budget {
  std::uint64_t opcodes = 2'000'000;
};

struct Result {
  Ref root = kNoRef;
  int protocol = 0;
  std::uint64_t end = 0;  // byte behind STOP
};

/// Reads the pickle that begins at byte `begin` of the source. Errors (BadInput), with the byte: truncated, unknown
/// opcode, an operand of the wrong kind, stack, memo, nesting or size beyond the limits, extension codes, text ids.
Result read(const Source& source, std::uint64_t begin, Graph& graph, Budget& budget);

}  // namespace fledge::pickle
