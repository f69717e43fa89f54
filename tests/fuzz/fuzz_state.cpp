// state.json of a checkpoint: what is read can be written and read again as the same.
#include <string>
#include <vector>

#include "tests/fuzz/input.h"
#include "train/run/run_state.h"

using namespace fledge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string name = "fuzzed-state";
  RunState state;
  if (!fuzz::read_or_refuse(name, [&] { state = parse_state({data, data + size}, name); })) return 0;
  const std::string text = state_text(state);
  const bool again = fuzz::read_or_refuse(name, [&] {
    if (state_text(parse_state({text.begin(), text.end()}, name)) != text) fuzz::finding("it changed: " + text);
  });
  if (!again) fuzz::finding("what was written cannot be read: " + text);
  return 0;
}
