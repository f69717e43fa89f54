#include "apps/index/own_pictures.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <unordered_map>

namespace fledge {
namespace {

using Rows = std::vector<std::int32_t>;

/// "a//b/./c" and "a/b/c" are one path.
std::vector<std::string> plain_paths(const std::vector<std::string>& paths) {
  std::vector<std::string> plain;
  plain.reserve(paths.size());
  for (const std::string& path : paths) {
    const bool odd = path.find("//") != std::string::npos || path.find("./") != std::string::npos;  // few are
    plain.push_back(odd ? std::filesystem::path(path).lexically_normal().string() : path);
  }
  return plain;
}

/// Rows by a text; those without one are in none.
class RowsByText {
 public:
  explicit RowsByText(const std::vector<std::string>& texts) {
    rows_.reserve(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i)
      if (!texts[i].empty()) rows_[texts[i]].push_back(static_cast<std::int32_t>(i));
  }
  const Rows& of(const std::string& text) const {
    const auto found = text.empty() ? rows_.end() : rows_.find(text);
    return found == rows_.end() ? none_ : found->second;
  }

 private:
  std::unordered_map<std::string_view, Rows> rows_;
  const Rows none_;
};

/// Contents that can differ: both known, both of files or both of pixels.
bool same_kind(const std::string& a, const std::string& b) { return !a.empty() && a.size() == b.size(); }

const std::string& content_in(const PictureNames& pictures, std::size_t row) {
  static const std::string unknown;
  return pictures.contents.empty() ? unknown : pictures.contents[row];
}

}  // namespace

OwnPictures own_pictures(const PictureNames& queries, const PictureNames& gallery, bool copies) {
  const std::vector<std::string> paths = plain_paths(queries.paths), others = plain_paths(gallery.paths);
  const RowsByText by_path(others), by_content(gallery.contents);
  const bool one_root = !queries.root.empty() && queries.root == gallery.root;
  OwnPictures found;
  found.rows.resize(paths.size());
  for (std::size_t q = 0; q < paths.size(); ++q) {
    const std::string& content = content_in(queries, q);
    Rows& rows = found.rows[q];
    for (const std::int32_t row : by_path.of(paths[q])) {
      const std::string& other = content_in(gallery, static_cast<std::size_t>(row));
      if (one_root || content == other || !same_kind(content, other)) rows.push_back(row);
    }
    found.own += !rows.empty();
    const std::size_t own = rows.size();
    for (const std::int32_t row : by_content.of(content))
      if (others[static_cast<std::size_t>(row)] != paths[q]) rows.push_back(row);
    found.copies += rows.size() > own;
    if (!copies) rows.resize(own);
    std::sort(rows.begin(), rows.end());
  }
  if (found.own == 0 && (found.copies == 0 || !copies)) found.rows.clear();
  return found;
}

OwnPictures copies_within(const PictureNames& pictures) {
  OwnPictures found;
  if (pictures.contents.empty()) return found;
  const RowsByText by_content(pictures.contents);
  found.rows.resize(pictures.contents.size());
  for (std::size_t i = 0; i < pictures.contents.size(); ++i) {
    for (const std::int32_t row : by_content.of(pictures.contents[i]))
      if (row != static_cast<std::int32_t>(i)) found.rows[i].push_back(row);
    found.copies += !found.rows[i].empty();
  }
  if (found.copies == 0) found.rows.clear();
  return found;
}

}  // namespace fledge
