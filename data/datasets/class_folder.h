// The pictures of one class folder, through folders below it and links.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "data/datasets/listing.h"

namespace fledge {

/// Which folder a path leads to, through links.
using FolderId = std::pair<dev_t, ino_t>;
std::optional<FolderId> folder_id(const std::string& path);
/// The folder and all above it.
std::set<FolderId> folders_above(const std::string& path);

/// A class: its folder and all folders below it, as torchvision's ImageFolder takes them: by the
/// folders' paths, then by name. Links are followed, but no folder is looked at twice, and neither one
/// above the class nor another class's (`taken`).
struct ClassFolder {
  std::vector<std::string> files;  // below the class's folder
  std::int64_t own = 0, folders = 0;
  bool links = false;                   // on any way to them
  Counted below, other, hidden, again;  // pictures in folders below; what is not taken

  ClassFolder(const std::string& path, const std::set<FolderId>& taken);

 private:
  void walk(const std::string& path, const std::string& folder, int depth);

  std::vector<std::pair<std::string, std::vector<std::string>>> found_;
  const std::set<FolderId>& taken_;
  std::set<FolderId> seen_;
};

}  // namespace fledge
