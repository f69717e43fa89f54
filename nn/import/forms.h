// The way between the names of a form (nn/models/external.h) and ours. Names here are relative to the backbone.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/models/external.h"

namespace fledge::importing {

/// Translates names such as "layer1.0.conv1.weight" or "stage1.1.3.weight".
class FormNames {
 public:
  FormNames(const ExternalNames& family, const NameForm& form) : family_(family), form_(form) {}
  /// Our name of a file's tensor; none when the form has no such place.
  std::optional<std::string> ours(std::string_view name) const;
  /// The file's name of a tensor of ours. Head and classifier are not the form's: they come back as they are.
  std::string theirs(const std::string& name) const;
  /// The file's names of the weights of the family's landmarks.
  std::vector<std::string> landmarks() const;

 private:
  std::optional<std::string> in_block(std::string_view rest, bool to_ours) const;

  const ExternalNames& family_;
  const NameForm& form_;
};

/// "layer1.0.conv1.weight" -> "layer1.0.conv1" and "weight".
std::pair<std::string_view, std::string_view> split_leaf(std::string_view name);
std::string_view last_segment(std::string_view module);

}  // namespace fledge::importing
