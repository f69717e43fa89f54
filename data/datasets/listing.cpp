#include "data/datasets/listing.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include "base/error.h"
#include "data/datasets/annotated.h"

namespace fledge {

namespace fs = std::filesystem;

bool has_picture_extension(const fs::path& path) {
  static const std::array<const char*, 11> known = {".jpg", ".jpeg", ".jpe",  ".jfif", ".png", ".bmp",
                                                    ".dib", ".gif",  ".webp", ".tif",  ".tiff"};
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(known.begin(), known.end(), extension) != known.end();
}

void Counted::add(const std::string& name) {
  if (count++ == 0) first = name;
}

void Counted::add(const Counted& more, const std::string& below) {
  if (count == 0 && more.count > 0) first = below + more.first;
  count += more.count;
}

std::string Counted::text(const char* one, const char* many) const {
  return with_thousands(count) + " " + (count == 1 ? one : many) + " ('" + first + (count > 1 ? "', ...)" : "')");
}

void cannot_look(const std::string& path, const std::error_code& error) {
  const bool nothing = error.value() == ENOENT || error.value() == ENOTDIR;
  throw Error(nothing ? ErrorKind::BadInput : ErrorKind::Resource, "",
              "cannot look into data folder '" + path + "': " + error.message(),
              nothing ? "check the path" : "part of the data would be missing: make it readable, or take it away");
}

Listing list_data_folder(const std::string& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) cannot_look(folder, error);
  Listing found;
  std::vector<std::string> other, hidden;
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::directory_entry& entry = *entries;
    const std::string name = entry.path().filename().string();
    std::error_code unknown;
    const bool folder_too = entry.is_directory(unknown);  // asks the disk about links only
    if (unknown && unknown.value() != ENOENT && unknown.value() != ENOTDIR && unknown.value() != ELOOP)
      cannot_look(entry.path().string(), unknown);  // it may be a class
    found.links |= entry.is_symlink(unknown);
    if (folder_too) {
      (name[0] == '.' ? hidden : found.folders).push_back(name);
    } else if (name[0] != '.' && has_picture_extension(entry.path())) {
      found.pictures.push_back(name);
    } else {
      other.push_back(name);
    }
  }
  if (error) cannot_look(folder, error);
  for (auto* names : {&found.folders, &found.pictures, &other, &hidden}) std::sort(names->begin(), names->end());
  for (const std::string& name : other) found.other.add(name);
  for (const std::string& name : hidden) found.hidden.add(name);
  return found;
}

}  // namespace fledge
