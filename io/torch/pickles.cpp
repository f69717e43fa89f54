#include "io/torch/pickles.h"

#include <cstring>

#include "io/torch/shape_of_values.h"

namespace fledge::torch_file {

using pickle::Kind;

std::uint64_t PickleStream::next_count(const char* what) {
  const std::uint64_t begin = at_;
  const pickle::Ref r = next().root;
  if (graph_.kind(r) != Kind::Int || graph_.integer(r) < 0)
    source_.refuse(begin, std::string(what) + " is no whole number from 0 on");
  return static_cast<std::uint64_t>(graph_.integer(r));
}

const char* PickleStream::skip(std::uint64_t bytes, const std::string& what) {
  if (bytes > left())
    source_.refuse(
        at_, what + " needs " + std::to_string(bytes) + " bytes, but only " + std::to_string(left()) + " are left",
        "the file is truncated or damaged: copy or download it again");
  const char* data = source_.bytes.data() + at_;
  at_ += bytes;
  return data;
}

std::int64_t PickleStream::raw(const char* what) {
  std::int64_t value;
  std::memcpy(&value, skip(8, what), 8);
  return value;
}

void check_sys_info(const pickle::Source& source, const pickle::Graph& graph, pickle::Ref info, std::int64_t version) {
  const auto pairs = as_dictionary(graph, info);
  if (!pairs) source.refuse(0, "the facts about the writer's system are no dictionary");
  const auto little = value_of(graph, *pairs, "little_endian");
  if (little && !(graph.kind(*little) == Kind::Bool && graph.truth(*little)))
    source.refuse(0, "it was written on a big-endian machine, which fledge does not read");
  const auto given = value_of(graph, *pairs, "protocol_version");
  if (given && !(graph.kind(*given) == Kind::Int && graph.integer(*given) == version))
    source.refuse(0, "its format version is not " + std::to_string(version));
}

}  // namespace fledge::torch_file
