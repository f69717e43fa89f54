// What lies in a folder of a data set: folders, pictures by their names, and what is left out, counted.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace fledge {

/// GIF and TIFF files count as pictures, so that `data verify` names them instead of leaving them out in silence.
bool has_picture_extension(const std::filesystem::path& path);

/// Names of things that are not taken, or are taken from somewhere unusual: how many, and the first.
struct Counted {
  std::int64_t count = 0;
  std::string first;
  void add(const std::string& name);
  void add(const Counted& more, const std::string& below);
  /// "3 other files left out ('LICENSE', ...)"
  std::string text(const char* one, const char* many) const;
};

/// Names sorted by bytes (as Python's sorted does for these).
struct Listing {
  std::vector<std::string> folders, pictures;
  Counted other, hidden;  // files that are no pictures by their names, hidden files too; hidden folders
  bool links = false;     // is any of them a link?
};
/// Errors: BadInput where there is no such folder; Resource where it, or something in
/// it that may be a class, cannot be looked at.
Listing list_data_folder(const std::string& folder);
/// The error of the two kinds.
[[noreturn]] void cannot_look(const std::string& path, const std::error_code& error);

}  // namespace fledge
