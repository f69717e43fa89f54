#include "report.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "block.h"

namespace emulator {
namespace {

std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string s = status == 0 && text ? text : name;
  std::free(text);
  for (const std::string noise : {"fledge::cuda::", "(anonymous namespace)::"})
    for (std::size_t at; (at = s.find(noise)) != std::string::npos;) s.erase(at, noise.size());
  return s;
}

}  // namespace

// dladdr knows exported names only, and kernels are local.
std::string function_name(const void* function) {
  Dl_info info{};
  if (!function || !dladdr(function, &info) || !info.dli_fname) return "?";
  std::ifstream in(info.dli_fname, std::ios::binary);
  const std::vector<char> file(std::istreambuf_iterator<char>(in), {});
  if (file.size() < sizeof(Elf64_Ehdr)) return "?";
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(file.data());
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(file.data() + header->e_shoff);
  // In a position-independent file values are offsets from its base.
  const auto base = header->e_type == ET_DYN ? reinterpret_cast<std::uintptr_t>(info.dli_fbase) : 0;
  const std::uintptr_t wanted = reinterpret_cast<std::uintptr_t>(function) - base;
  for (int s = 0; s < header->e_shnum; ++s) {
    if (sections[s].sh_type != SHT_SYMTAB) continue;
    const char* names = file.data() + sections[sections[s].sh_link].sh_offset;
    const auto* symbols = reinterpret_cast<const Elf64_Sym*>(file.data() + sections[s].sh_offset);
    for (std::size_t i = 0; i < sections[s].sh_size / sizeof(Elf64_Sym); ++i)
      if (ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC && symbols[i].st_value == wanted)
        return demangled(names + symbols[i].st_name);
  }
  return "?";
}

void fatal(const std::string& what) {
  const std::string where = where_text();
  std::fprintf(stderr, "CUDA emulator: %s%s%s\n", what.c_str(), where.empty() ? "" : "\n  in ", where.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace emulator
