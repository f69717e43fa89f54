// Small pickles that the containers keep beside the object: counts, rows, dictionaries of facts. Private to io/torch.
#pragma once
#include <cstdint>
#include <string>

#include "io/pickle/reader.h"

namespace fledge::torch_file {

/// Reads pickles and raw numbers one after the other from one source.
class PickleStream {
 public:
  PickleStream(const pickle::Source& source, pickle::Budget& budget) : source_(source), budget_(budget) {}

  const pickle::Graph& graph() const { return graph_; }
  const pickle::Source& source() const { return source_; }
  std::uint64_t at() const { return at_; }
  std::uint64_t left() const { return source_.bytes.size() - at_; }

  pickle::Result next() {
    const pickle::Result result = pickle::read(source_, at_, graph_, budget_);
    at_ = result.end;
    return result;
  }
  /// A pickle that is one whole number >= 0.
  std::uint64_t next_count(const char* what);
  /// Raw little-endian 64-bit numbers.
  std::int64_t raw(const char* what);
  const char* skip(std::uint64_t bytes, const std::string& what);

 private:
  const pickle::Source& source_;
  pickle::Budget& budget_;
  pickle::Graph graph_;
  std::uint64_t at_ = 0;
};

/// {"protocol_version": ..., "little_endian": ...}. Errors (BadInput): another version than `version`, big-endian.
void check_sys_info(const pickle::Source& source, const pickle::Graph& graph, pickle::Ref info, std::int64_t version);

}  // namespace fledge::torch_file
