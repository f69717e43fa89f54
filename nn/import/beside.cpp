#include "nn/import/beside.h"

#include <algorithm>
#include <cctype>

namespace fledge::importing {
namespace {

/// The segments of a path below what it shares with the backbone, in small letters.
std::vector<std::string> own_segments(const FoundBackbone& backbone, std::string_view name) {
  std::string_view prefix = backbone.prefix;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    if (prefix.substr(0, dot + 1) != name.substr(0, dot + 1)) break;
    prefix.remove_prefix(dot + 1);
    name.remove_prefix(dot + 1);
  }
  std::vector<std::string> segments(1);
  for (const char c : name)
    if (c == '.')
      segments.emplace_back();
    else
      segments.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return segments;
}

bool is_loss_word(const std::string& segment) {
  std::string joined = segment;
  std::erase(joined, '_');
  for (const char* part : {"loss", "criteri", "arcface", "cosface", "sphereface", "adaface", "magface",
                           "curricularface", "normface", "softtriple", "margin", "amsoftmax"})
    if (joined.find(part) != std::string::npos) return true;
  for (const char* whole : {"metric", "metrics", "metricfc", "center", "centers", "centre", "centres", "prototypes"})
    if (joined == whole) return true;
  return joined.starts_with("prox") || segment.ends_with("_metric") || segment.ends_with("_metrics");
}

}  // namespace

bool is_of_loss(const FoundBackbone& backbone, const std::string& name) {
  const std::vector<std::string> segments = own_segments(backbone, name);
  return std::any_of(segments.begin(), segments.end(), is_loss_word);
}

bool is_classifier_by_name(const FoundBackbone& backbone, const std::string& module) {
  const std::vector<std::string> segments = own_segments(backbone, module);
  const std::string& last = segments.back();
  return last == "fc" || last == "logits" || std::any_of(segments.begin(), segments.end(), [](const std::string& s) {
           return s.find("classif") != std::string::npos;
         });
}

std::vector<std::string> norms_of(const std::vector<Source>& sources, const FoundBackbone& backbone,
                                  std::int64_t channels) {
  std::vector<std::string> modules;
  // Below the backbone, with convolutions that the backbone does not know, a norm is a part of another network.
  bool more_layers = false;
  for (std::size_t i = 0; i < sources.size(); ++i)
    more_layers |= !sources[i].dropped && backbone.target[i].empty() && sources[i].shape().size() == 4 &&
                   sources[i].name.starts_with(backbone.prefix);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto [module, leaf] = split_leaf(sources[i].name);
    const bool statistics = leaf == "running_var" && sources[i].shape() == std::vector<std::int64_t>{channels};
    if (more_layers && sources[i].name.starts_with(backbone.prefix)) continue;
    if (!sources[i].dropped && backbone.target[i].empty() && statistics && !module.empty())
      modules.emplace_back(module);
  }
  return modules;
}

}  // namespace fledge::importing
