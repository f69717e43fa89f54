#include <charconv>
#include <cmath>
#include <sstream>

#include "base/suggest.h"
#include "nn/losses/entries.h"

namespace fledge {
namespace {

std::string short_number(double v) {
  std::ostringstream text;
  text << v;
  return text.str();
}

/// Given options over the entry's defaults.
LossOptions with_defaults(const std::string& name, const LossEntry& entry, const LossOptions& given) {
  LossOptions merged;
  std::vector<std::string> known;
  for (const auto& [option, value] : entry.options) {
    merged[option] = value;
    known.push_back(option);
  }
  for (const auto& [option, value] : given) {
    if (merged.find(option) == merged.end()) {
      throw Error(ErrorKind::Usage, "loss " + name, "no option '" + option + "'",
                  known.empty() ? "it has no options" : did_you_mean(option, known));
    }
    merged[option] = value;
  }
  return merged;
}

}  // namespace

const std::map<std::string, LossEntry>& loss_registry() {
  static const std::map<std::string, LossEntry> registry = [] {
    std::map<std::string, LossEntry> all;
    for (const auto& family :
         {triplet_entries(), pair_entries(), margin_entries(), memory_entries(), classification_entries(),
          angular_margin_entries(), proxy_entries(), absolute_relative_entries(), rkd_entries(), ranking_entries(),
          similarity_entries(), stage_entries()})
      for (const auto& [name, entry] : family)
        if (!all.emplace(name, entry).second)
          throw Error(ErrorKind::Internal, "loss", "two losses are named '" + name + "'");
    return all;
  }();
  return registry;
}

std::shared_ptr<Loss> make_loss(const std::string& name, const LossOptions& options, const LossSetup& setup) {
  const auto& registry = loss_registry();
  const auto found = registry.find(name);
  if (found == registry.end()) {
    std::vector<std::string> known;
    for (const auto& entry : registry) known.push_back(entry.first);
    throw Error(ErrorKind::Usage, "loss", "unknown loss '" + name + "'", did_you_mean(name, known));
  }
  return found->second.make(with_defaults(name, found->second, options), setup);
}

const std::string& OptionReader::text(const std::string& name) const {
  const auto found = options_.find(name);
  if (found == options_.end())
    throw Error(ErrorKind::Internal, "loss " + loss_, "option '" + name + "' is not declared");
  return found->second;
}

void OptionReader::refuse(const std::string& name, const std::string& expected) const {
  throw Error(ErrorKind::Usage, "loss " + loss_, name + " is '" + text(name) + "'", "it must be " + expected);
}

double OptionReader::number(const std::string& name, double low, double high) const {
  const std::string& value = text(name);
  double number = 0;
  // Not strtod: the decimal point must not depend on the locale.
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  if (!whole || !std::isfinite(number) || !(number >= low && number <= high)) {
    const std::string range = std::isinf(high) ? "of at least " + short_number(low)
                                               : "between " + short_number(low) + " and " + short_number(high);
    refuse(name, "a number " + range);
  }
  return number;
}

int OptionReader::choice(const std::string& name, const std::vector<std::string>& choices) const {
  std::string all;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (text(name) == choices[i]) return static_cast<int>(i);
    all += (i ? ", " : "one of ") + choices[i];
  }
  const std::string near = suggest(text(name), choices);
  refuse(name, all + (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

bool OptionReader::flag(const std::string& name) const {
  const std::string& value = text(name);
  if (value == "on" || value == "true" || value == "yes" || value == "1") return true;
  if (value == "off" || value == "false" || value == "no" || value == "0") return false;
  refuse(name, "on or off");
}

void check_labels(const char* op, const Tensor& embedding, const Tensor& labels) {
  if (embedding.rank() != 2)
    throw Error(ErrorKind::Usage, op, "embeddings must be N,D: " + describe(embedding),
                "reshape them to one row per picture");
  const bool fits =
      labels.defined() && labels.rank() == 1 && labels.dtype() == DType::Int64 && labels.dim(0) == embedding.dim(0);
  if (!fits)
    throw Error(ErrorKind::Usage, op,
                "one int64 label per row is needed: embeddings " + describe(embedding) + ", labels " +
                    (labels.defined() ? describe(labels) : std::string("missing")));
}

}  // namespace fledge
