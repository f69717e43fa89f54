// The members of a zip against their local headers. Private to io/torch.
#pragma once
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "io/torch/zip/zip_directory.h"

namespace fledge::torch_file {

/// Relative, below one folder, without "..", NUL or control characters.
void check_name(const std::string& name, std::uint64_t at, const RefuseAt& refuse);

/// Replaces those of the 32-bit `values` that are all ones by the 64-bit ones of the ZIP64 extra field, in its order.
/// False: the field is missing, cut or names more than 2^62.
bool widen_sizes(std::span<const char> extra, std::initializer_list<std::uint64_t*> values);

/// Reads each local header, finds the data, and proves that the members fill the file from byte 0 to `directory`.
void check_members(std::span<const char> file, std::vector<ZipMember>& members, std::uint64_t directory,
                   const RefuseAt& refuse);

}  // namespace fledge::torch_file
