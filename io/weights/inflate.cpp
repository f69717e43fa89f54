#include "io/weights/inflate.h"

#include <libdeflate.h>

#include <memory>
#include <new>

namespace fledge {

bool inflate_exactly(std::string_view packed, char* out, std::size_t size) {
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> machine(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  if (!machine) throw std::bad_alloc();
  std::size_t used = 0, made = 0;
  const auto result =
      libdeflate_deflate_decompress_ex(machine.get(), packed.data(), packed.size(), out, size, &used, &made);
  return result == LIBDEFLATE_SUCCESS && made == size && used == packed.size();
}

}  // namespace fledge
