// Packs: opens them and reads every picture. The footer is put right in three
// mutants of four, so that the index is reached.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "data/pack/pack.h"
#include "data/pack/pack_index.h"
#include "tests/fuzz/input.h"

using namespace fledge;

namespace {

constexpr std::size_t kFooter = 32;

/// An index that begins where the first line with a head does, and its checksum.
void mend_footer(std::uint8_t* data, std::size_t size) {
  if (size < kPackMagic.size() + kFooter) return;
  const std::string_view text(reinterpret_cast<char*>(data), size - kFooter);
  const std::size_t begin = text.find("{\"");
  if (begin == std::string_view::npos) return;
  const std::uint64_t length = text.size() - begin, sum = pack_checksum(data + begin, length);
  std::memcpy(data + size - kFooter, &length, 8);
  std::memcpy(data + size - kFooter + 8, &sum, 8);
  std::copy(kPackEnd.begin(), kPackEnd.end(), data + size - kPackEnd.size());
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 4 != 0) mend_footer(data, size);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.fill(data, size);
  std::shared_ptr<Dataset> pack;
  if (size == 0 || !fuzz::read_or_refuse(file.path(), [&] { pack = open_pack(file.path()); })) return 0;
  for (std::int64_t i = 0; i < pack->size(); ++i) {
    if (pack->label(i) >= pack->classes() || pack->label(i) < -1) fuzz::finding("a label that is no class");
    fuzz::read_or_refuse(file.path(), [&] {
      const Image image = pack->image(i);
      const auto box = pack->box(i);
      if (box && (box->left + box->width > image.width || box->top + box->height > image.height))
        fuzz::finding("a box outside of its picture");
    });
  }
  return 0;
}
