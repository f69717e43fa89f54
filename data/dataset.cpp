#include "data/dataset.h"

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "data/datasets/folder.h"
#include "data/datasets/idx.h"
#include "data/datasets/layouts.h"
#include "data/pack/pack.h"
#include "data/subset.h"

namespace fledge {
namespace {

constexpr const char* kFashion = "fashion-mnist";

bool holds_idx(const std::string& folder) {
  std::error_code ignored;
  for (const char* name :
       {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"})
    if (std::filesystem::is_regular_file(folder + "/" + name, ignored)) return true;
  return false;
}

[[noreturn]] void refuse_part(const DataSource& source, const std::string& what) {
  throw Error(
      ErrorKind::Usage, "",
      "'" + source.path + "' is " + what + " and has no parts, so there is no :" + part_name(source.part) + " in it",
      "leave the part out");
}

/// Fashion-MNIST where the distribution installs it: a name, no path. Nothing when it is another name.
std::shared_ptr<Dataset> open_fashion(const std::string& text, const DataSource& source) {
  std::error_code ignored;
  if (std::filesystem::exists(source.path, ignored)) return nullptr;
  if (source.path == kFashion) return open_idx("", source.part);
  if (text.rfind(std::string(kFashion) + ":", 0) == 0)
    throw Error(ErrorKind::Usage, "", "unknown part in '" + text + "'",
                "fashion-mnist:train, fashion-mnist:test or fashion-mnist:all");
  return nullptr;
}

std::shared_ptr<Dataset> open_annotations(const DataSource& source) {
  auto annotations = read_annotations(source);
  return annotations ? open_annotated(std::move(*annotations), source.part) : nullptr;
}

std::shared_ptr<Dataset> open_pack_file(const DataSource& source) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(source.path, ignored) || !is_pack(source.path)) return nullptr;
  if (source.part_named) refuse_part(source, "a pack");
  return open_pack(source.path);
}

std::shared_ptr<Dataset> open_class_folders(const DataSource& source) {
  if (source.part_named && is_split_folder(source.path)) return open_split_folder(source.path, source.part);
  auto folder = open_folder(source.path);  // or says what is wrong with it
  if (source.part != SplitPart::All) refuse_part(source, "a folder of class folders");
  return folder;
}

std::vector<DatasetOpener>& registered() {
  static std::vector<DatasetOpener> openers;
  return openers;
}

std::shared_ptr<Dataset> open_source(const std::string& text) {
  if (text.empty())
    throw Error(ErrorKind::Usage, "", "no data set is named",
                "give a folder with one folder a class, or fashion-mnist");
  for (const DatasetOpener& open : registered())
    if (auto dataset = open(text)) return dataset;
  const DataSource source = parse_source(text);
  if (auto fashion = open_fashion(text, source)) return fashion;
  if (auto annotated = open_annotations(source)) return annotated;
  if (auto pack = open_pack_file(source)) return pack;
  if (holds_idx(source.path)) return open_idx(source.path, source.part);
  return open_class_folders(source);
}

}  // namespace

Content Dataset::content(std::int64_t i) const {
  const Image picture = image(i);
  const Content pixels = content_of(picture.rgb.data(), picture.rgb.size());
  const std::uint64_t parts[] = {pixels.high, pixels.low, static_cast<std::uint64_t>(picture.width)};
  return content_of(parts, sizeof parts);
}

std::vector<std::vector<std::int64_t>> Dataset::by_class() const {
  std::vector<std::vector<std::int64_t>> groups(static_cast<std::size_t>(classes()));
  for (std::int64_t i = 0; i < size(); ++i)
    if (label(i) >= 0) groups[label(i)].push_back(i);
  return groups;
}

void register_dataset(DatasetOpener open) { registered().push_back(std::move(open)); }

std::shared_ptr<Dataset> open_dataset(const DatasetSpec& spec) {
  std::shared_ptr<Dataset> dataset = open_source(spec.source);
  if (spec.classes.empty()) return dataset;
  const std::vector<std::int64_t> ranks = parse_class_ranks(spec.classes, dataset->classes());
  return select_classes(std::move(dataset), ranks);
}

}  // namespace fledge
