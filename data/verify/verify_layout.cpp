#include "data/verify/verify_layout.h"

#include <openssl/evp.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <unordered_set>

#include "base/error.h"
#include "base/hex.h"
#include "base/interrupt.h"
#include "data/datasets/folder.h"
#include "data/datasets/layouts.h"

namespace fledge {

namespace fs = std::filesystem;

namespace {

std::string count_text(std::int64_t n, const char* one, const char* many) {
  return with_thousands(n) + " " + (n == 1 ? one : many);
}

/// " ('a.jpg', ...)"
std::string example(const std::vector<std::string>& names) {
  return " ('" + names.front() + (names.size() > 1 ? "', ...)" : "')");
}

void find_missing(const Annotations& a, SplitPart part, DatasetReport& report) {
  for (const std::int64_t i : a.of_part(part)) {
    const std::string& file = a.images[i].file;
    std::error_code ignored;
    if (!fs::exists(file.front() == '/' ? file : a.root + "/" + file, ignored)) report.missing.push_back(file);
  }
  if (report.missing.empty()) return;
  const std::unordered_set<std::string> missing(report.missing.begin(), report.missing.end());
  std::erase_if(report.unreadable, [&](const UnreadableImage& u) { return missing.contains(u.name); });
  const auto n = static_cast<std::int64_t>(report.missing.size());
  report.remarks.push_back(
      {"missing", true,
       count_text(n, "picture is", "pictures are") + " listed and not on disk" + example(report.missing),
       "unpack the archive again, or take the lines out of the annotation"});
}

/// For lists, whose pictures may lie anywhere: the folders that they name, not what lies deeper.
void list_beside(const Annotations& a, std::vector<std::string>& found) {
  std::set<std::string> folders;
  for (const AnnotatedImage& image : a.images) folders.insert(fs::path(image.file).parent_path().string());
  for (const std::string& folder : folders) {
    const std::string where = folder.empty() ? a.root : folder.front() == '/' ? folder : a.root + "/" + folder;
    for (const std::string& name : pictures_in(where)) found.push_back(folder.empty() ? name : folder + "/" + name);
  }
}

void find_unlisted(const Annotations& a, DatasetReport& report) {
  std::vector<std::string> found;
  for (const std::string& folder : a.picture_folders)
    for (const std::string& file : pictures_below(a.root + "/" + folder)) found.push_back(folder + "/" + file);
  if (!a.known) list_beside(a, found);
  const auto plain = [](const std::string& file) { return fs::path(file).lexically_normal().string(); };
  std::unordered_set<std::string> listed;
  for (const AnnotatedImage& image : a.images) listed.insert(plain(image.file));
  for (const std::string& file : found)
    if (!listed.contains(plain(file))) report.unlisted.push_back(file);
  if (report.unlisted.empty()) return;
  const auto n = static_cast<std::int64_t>(report.unlisted.size());
  report.remarks.push_back(
      {"unlisted", false,
       count_text(n, "picture is", "pictures are") + " on disk and in no annotation" + example(report.unlisted),
       "they are not used; remove them, or take the annotation that belongs to them"});
}

void compare_counts(const Annotations& a, SplitPart part, bool partial, DatasetReport& report) {
  const PublishedCounts whole = a.known->counts(part);
  report.published_images = whole.images;
  report.published_classes = whole.classes;
  std::set<std::int64_t> classes;
  const std::vector<std::int64_t> chosen = a.of_part(part);
  for (const std::int64_t i : chosen) classes.insert(a.images[i].class_id);
  const auto images = static_cast<std::int64_t>(chosen.size() - report.missing.size());
  const auto class_count = static_cast<std::int64_t>(classes.size());
  if (images == whole.images && class_count == whole.classes) return;
  report.remarks.push_back({"incomplete", !partial,
                            "not the full data set: " + with_thousands(images) + " of " + with_thousands(whole.images) +
                                " images, " + with_thousands(class_count) + " of " + with_thousands(whole.classes) +
                                " classes",
                            "unpack the archive again; results are not comparable with published ones" +
                                std::string(partial ? "" : "; if a part of it is meant, say --partial")});
}

void compare_sums(const Annotations& a, bool partial, DatasetReport& report) {
  const std::string root = a.root, above = (fs::path(root) / "..").lexically_normal().string();
  for (const KnownFile& known : a.known->files) {
    for (const std::string& folder : {root, above}) {
      const std::string path = (fs::path(folder) / known.name).string();
      std::error_code ignored;
      if (!fs::is_regular_file(path, ignored)) continue;
      const std::string sum = md5_of_file(path);
      report.sums.push_back({path, sum, known.md5});
      if (sum == known.md5) continue;
      report.remarks.push_back(
          {"checksum", known.archive || !partial,
           "'" + path + "' has MD5 " + sum + ", the published file has " + known.md5,
           known.archive ? "it is damaged or another version: download it again" : "take the file of the data set"});
    }
  }
}

void compare_classes(const std::set<std::string>& train, const std::set<std::string>& test, DatasetReport& report) {
  std::vector<std::string> shared;
  std::set_intersection(train.begin(), train.end(), test.begin(), test.end(), std::back_inserter(shared));
  if (shared.empty()) return;
  const auto n = static_cast<std::int64_t>(shared.size());
  report.remarks.push_back(
      {"shared-classes", false,
       count_text(n, "class is", "classes are") + " in the training and in the test part" + example(shared),
       "retrieval among classes that were trained on is another task than the paper's: give each "
       "class to one part"});
}

std::set<std::string> class_set(const Annotations& a, SplitPart part) {
  std::set<std::string> names;
  for (const std::int64_t i : a.of_part(part)) names.insert(a.class_names.at(a.images[i].class_id));
  return names;
}

std::set<std::string> class_set(const std::string& root, SplitPart part) {
  const auto dataset = open_split_folder(root, part);
  return {dataset->class_names().begin(), dataset->class_names().end()};
}

}  // namespace

void check_layout(const std::string& text, bool partial, DatasetReport& report) {
  const DataSource source = parse_source(text);
  const auto annotations = read_annotations(source);
  if (!annotations) {
    if (source.part_named && is_split_folder(source.path))
      compare_classes(class_set(source.path, SplitPart::Train), class_set(source.path, SplitPart::Test), report);
    return;
  }
  report.layout = annotations->layout;
  find_missing(*annotations, source.part, report);
  find_unlisted(*annotations, report);
  if (annotations->known) {
    compare_counts(*annotations, source.part, partial, report);
    compare_sums(*annotations, partial, report);
  }
  if (annotations->has_parts)
    compare_classes(class_set(*annotations, SplitPart::Train), class_set(*annotations, SplitPart::Test), report);
}

std::string md5_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(ErrorKind::BadInput, "", "cannot read '" + path + "'");
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) != 1)
    throw Error(ErrorKind::Resource, "", "libcrypto offers no MD5 here");
  std::vector<char> piece(1 << 20);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    stop_if_asked();
    EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) throw Error(ErrorKind::BadInput, "", "reading '" + path + "' stopped early");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  return hex_of(digest, size);
}

}  // namespace fledge
