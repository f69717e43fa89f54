// The opcode machine alone: pickles one behind the other, as at the start of a stacked file, into one graph; then every
// value is looked at.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "io/pickle/reader.h"

using namespace fledge;
using pickle::Kind;
using pickle::Ref;

namespace {

std::size_t look_at(const pickle::Graph& graph) {
  std::size_t sum = 0;
  const auto in_graph = [&](const std::vector<Ref>& refs) {
    for (const Ref r : refs)
      if (r >= graph.size()) std::abort();
    sum += refs.size();
  };
  for (Ref r = 0; r < graph.size(); ++r) {
    in_graph(graph.items(r));
    const Kind kind = graph.kind(r);
    if (graph.is_string(r) || kind == Kind::BigInt)
      for (const char c : graph.text(r)) sum += static_cast<unsigned char>(c);
    if (kind == Kind::Global) sum += std::string(graph.module_of(r)).size() + std::string(graph.name_of(r)).size();
    if (kind != Kind::Object) continue;
    in_graph({graph.class_of(r), graph.arguments(r)});
    if (graph.state(r) != pickle::kNoRef) in_graph({graph.state(r)});
    in_graph(graph.appended(r));
    in_graph(graph.set_items(r));
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pickle::Source source{"fuzzed-file", {reinterpret_cast<const char*>(data), size}};
  pickle::Graph graph;
  pickle::Budget budget;
  try {
    for (std::uint64_t at = 0; at < size;) {
      const pickle::Result result = pickle::read(source, at, graph, budget);
      if (result.root >= graph.size() || result.end <= at || result.end > size) std::abort();
      at = result.end;
    }
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadInput) std::abort();
  }
  if (look_at(graph) == static_cast<std::size_t>(-1)) std::puts("");
  return 0;
}
