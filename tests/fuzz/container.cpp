#include "tests/fuzz/container.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "io/weights/weight_file.h"

namespace fledge::fuzz {

namespace {

const std::string kName = "fuzzed-file";

[[noreturn]] void finding(const std::string& what) {
  std::fprintf(stderr, "finding: %s\n", what.c_str());
  std::abort();
}

void read_all(const WeightFile& file) {
  for (const auto* list : {&file.tensors(), &file.others()})
    for (const StoredTensor& t : *list) {
      std::size_t got = 0;
      unsigned sum = 0;  // every byte is looked at, so that a sanitizer sees a wrong one
      file.read(t, [&](const char* bytes, std::size_t size) {
        got += size;
        for (std::size_t i = 0; i < size; ++i) sum += static_cast<unsigned char>(bytes[i]);
      });
      if (got != static_cast<std::size_t>(t.numel()) * static_cast<std::size_t>(info_of(t.type).bytes))
        finding("tensor '" + t.name + "' gave " + std::to_string(got) + " bytes, sum " + std::to_string(sum));
    }
}

}  // namespace

void read_weights(const std::uint8_t* data, std::size_t size, WeightFormat container) {
  const std::span<const char> bytes(reinterpret_cast<const char*>(data), size);
  if (sniff_weights(bytes) != container) return;
  try {
    const WeightFile file = WeightFile::in_memory(bytes, kName);
    read_all(file);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadInput) finding(std::string("not BadInput: ") + e.what());
    if (std::string(e.what()).find(kName) == std::string::npos) finding(std::string("names no file: ") + e.what());
  } catch (const std::exception& e) {
    finding(std::string("another exception: ") + e.what());
  }
}

}  // namespace fledge::fuzz
