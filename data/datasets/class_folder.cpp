#include "data/datasets/class_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

namespace fledge {

namespace fs = std::filesystem;

std::optional<FolderId> folder_id(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return FolderId{info.st_dev, info.st_ino};
}

std::set<FolderId> folders_above(const std::string& path) {
  std::set<FolderId> found;
  std::error_code ignored;
  for (fs::path at = fs::canonical(path, ignored); !at.empty(); at = at.parent_path()) {
    if (const auto id = folder_id(at.string())) found.insert(*id);
    if (at == at.root_path()) break;
  }
  return found;
}

ClassFolder::ClassFolder(const std::string& path, const std::set<FolderId>& taken) : taken_(taken) {
  walk(path, "", 0);
  std::sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [folder, names] : found_)
    for (const std::string& name : names) {
      files.push_back(folder.empty() ? name : folder + "/" + name);
      if (folder.empty())
        ++own;
      else
        below.add(files.back());
    }
  found_.clear();
}

void ClassFolder::walk(const std::string& path, const std::string& folder, int depth) {
  constexpr int kDeepest = 64;
  const auto id = folder_id(path);
  if (depth > kDeepest || (id && ((depth > 0 && taken_.contains(*id)) || !seen_.insert(*id).second)))
    return again.add(folder);
  Listing found = list_data_folder(path);
  const std::string start = folder.empty() ? "" : folder + "/";
  other.add(found.other, start);
  hidden.add(found.hidden, start);
  links |= found.links;
  found_.emplace_back(folder, std::move(found.pictures));
  folders += depth == 0 ? static_cast<std::int64_t>(found.folders.size()) : 0;
  for (const std::string& name : found.folders) walk(path + "/" + name, start + name, depth + 1);
}

}  // namespace fledge
