// The members of a tar file, read strictly: regular files only. Private to io/torch.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "io/torch/zip/zip_directory.h"

namespace fledge::torch_file {

struct TarMember {
  std::uint64_t data = 0;  // byte where its content begins
  std::string_view bytes;
};

/// Refused: links, devices, sparse files, long names, PAX headers that set size or path, base-256 sizes, wrong
/// checksums, duplicates, a missing end, bytes behind it. Harmless PAX headers (a fractional mtime) are normal.
std::map<std::string, TarMember> read_tar_members(std::span<const char> file, const RefuseAt& refuse);

}  // namespace fledge::torch_file
