#include "train/model/weight_sets.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "train/model/external_model.h"

namespace fledge {
namespace {

/// Tensors of a checkpoint that are no weights, by the first part of their names, and how many weights were averaged.
bool is_training_state(const std::string& name) {
  static const std::set<std::string> kKeys = {"optimizer", "optimizer_state_dict", "optim",  "optim_state_dict",
                                              "scheduler", "lr_scheduler",         "scaler", "amp"};
  return kKeys.count(name.substr(0, name.find('.'))) > 0 || name == "n_averaged" || name.ends_with(".n_averaged");
}

/// "model_ema", "ema-state-dict", "swa_model": a word of the segment says it.
bool says_average(std::string_view segment) {
  std::string word;
  const auto is_one = [&] { return word == "ema" || word == "swa" || word == "averaged"; };
  for (const char c : segment) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else {
      if (is_one()) return true;
      word.clear();
    }
  }
  return is_one();
}

/// The name up to and with the first segment that says so, and its '.'; empty: a plain tensor.
std::string_view average_folder(std::string_view name) {
  for (std::size_t begin = 0, dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', begin)) {
    if (says_average(name.substr(begin, dot - begin))) return name.substr(0, dot + 1);
    begin = dot + 1;
  }
  return {};
}

bool holds_network(const std::vector<StoredTensor>& tensors) {
  constexpr std::ptrdiff_t kSome = 4;  // convolutions
  return std::count_if(tensors.begin(), tensors.end(), [](const auto& t) { return t.shape.size() == 4; }) >= kSome;
}

}  // namespace

WeightSets weight_sets(const WeightFile& file) {
  WeightSets sets;
  const std::set<std::string> unused = unused_names(file);
  std::vector<StoredTensor> together;  // as if no name said anything
  for (const StoredTensor& t : file.tensors().empty() ? file.others() : file.tensors()) {
    if (is_training_state(t.name) || unused.count(t.name)) continue;
    if (!t.aside) together.push_back(t);
    const std::string folder(average_folder(t.name));
    if (folder.empty()) {
      if (!t.aside) sets.plain.push_back(t);
    } else if (sets.folder.empty() || folder == sets.folder) {  // of several averages the first
      sets.folder = folder;
      sets.averaged.push_back(t);
      sets.averaged.back().name.erase(0, folder.size());
    }
  }
  if (!holds_network(sets.averaged)) {
    sets.folder.clear();
    sets.averaged.clear();
    sets.plain = std::move(together);
  }
  sets.plain_network = holds_network(sets.plain);
  return sets;
}

}  // namespace fledge
