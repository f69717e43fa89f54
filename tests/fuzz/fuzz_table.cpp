// Tables of embeddings: what is read has equal columns, and comes back the same from what is written.
#include "io/table.h"
#include "tests/fuzz/input.h"

using namespace fledge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::read_or_refuse("fuzzed.tsv", [&] {
    const LabelTable t = parse_table({reinterpret_cast<const char*>(data), size}, "fuzzed.tsv");
    if (t.labels.size() != t.paths.size() || (!t.contents.empty() && t.contents.size() != t.paths.size()))
      fuzz::finding("columns of different length");
    const LabelTable again = parse_table(table_text(t), "fuzzed.tsv");
    if (again.paths != t.paths || again.contents != t.contents) fuzz::finding("another table after writing");
  });
  return 0;
}
