#include "train/training_overlap.h"

#include <filesystem>
#include <numeric>
#include <optional>
#include <unordered_set>
#include <vector>

#include "data/identity/content_map.h"
#include "data/identity/overlap.h"
#include "io/file.h"
#include "train/run/run_identity.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;

/// Of the run that the path is in: RUN, RUN/checkpoints/step-1, RUN/checkpoints/step-1/model.safetensors.
std::optional<RunIdentity> identity_of(const std::string& model) {
  std::error_code ignored;
  fs::path folder = fs::weakly_canonical(model, ignored);
  for (int up = 0; up < 4 && !folder.empty(); ++up, folder = folder.parent_path()) {
    if (up > 0 && !fs::is_directory(folder / "checkpoints", ignored)) continue;
    if (const auto bytes = read_file_if_there((folder / "identity.tsv").string()))
      return parse_identity(std::string(bytes->begin(), bytes->end()));
  }
  return std::nullopt;
}

using Trained = ContentMap<const PictureIdentity*>;

/// The pictures that may be among those: by the sizes of their files, where none of either comes out of a pack.
std::vector<std::int64_t> candidates(const Dataset& dataset, const Trained& trained) {
  std::unordered_set<std::int64_t> sizes;
  bool packed = knows_origins(dataset);
  for (const auto& [content, picture] : trained) {
    packed |= picture->origin.known() || picture->stamp.size < 0;
    sizes.insert(picture->stamp.size);
  }
  if (!packed) return with_size_in(file_sizes(dataset), sizes);
  std::vector<std::int64_t> all(static_cast<std::size_t>(dataset.size()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

Overlap training_overlap(const std::string& model, Contents& contents, int threads) {
  const auto identity = identity_of(model);
  if (!identity) return {};
  Trained trained;
  for (const auto& [set, pictures] : identity->sets)
    if (set == "train")
      for (const PictureIdentity& picture : pictures)
        for (const Content& known : {picture.content, picture.origin})
          if (known.known()) trained.emplace(known, &picture);
  if (trained.empty()) return {};
  const std::vector<std::int64_t> looked_at = candidates(contents.dataset(), trained);
  contents.find(looked_at, threads);
  Overlap found;
  found.of = contents.dataset().size();
  for (const std::int64_t i : looked_at) {
    auto at = trained.find(contents.of(i));
    if (at == trained.end()) at = trained.find(contents.origin(i));
    if (at == trained.end()) continue;
    ++found.count;
    if (found.first.size() < 5) found.first.emplace_back(contents.dataset().name(i), at->second->name);
  }
  return found;
}

}  // namespace fledge
