// All losses by name.
#include <algorithm>

#include "base/error.h"
#include "base/suggest.h"
#include "nn/losses/loss.h"

// One row a loss: NAME stands for `LossEntry NAME_entry()`, which the loss's source defines.
#define FLEDGE_LOSSES(ROW) \
  ROW(triplet)             \
  ROW(triplet_hard)        \
  ROW(triplet_semihard)    \
  ROW(contrastive)         \
  ROW(multi_similarity)    \
  ROW(n_pair)              \
  ROW(nt_xent)             \
  ROW(supcon)              \
  ROW(margin)              \
  ROW(memory)              \
  ROW(softmax)             \
  ROW(cosine_softmax)      \
  ROW(arcface)             \
  ROW(cosface)             \
  ROW(proxy_nca)           \
  ROW(proxy_anchor)        \
  ROW(absolute)            \
  ROW(relative)            \
  ROW(rkd_distance)        \
  ROW(rkd_angle)           \
  ROW(darkrank)            \
  ROW(pkt)                 \
  ROW(relaxed_contrastive) \
  ROW(hints)               \
  ROW(attention)

namespace fledge {

#define FLEDGE_DECLARE(name) LossEntry name##_entry();
FLEDGE_LOSSES(FLEDGE_DECLARE)

namespace {

using Registry = std::map<std::string, LossEntry>;

/// Names are words of the command line: --distill NAME=WEIGHT,NAME=WEIGHT, --NAME for an option.
void check_name(const std::string& what, const std::string& name) {
  const bool sound = !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!sound || name == "none")
    throw Error(ErrorKind::Usage, "register_loss", "'" + name + "' cannot be the name of " + what,
                "take small letters, digits and dashes, and not 'none'");
}

void add(Registry& all, LossEntry entry) {
  check_name("a loss", entry.name);
  const auto refuse = [&](const std::string& problem, const std::string& hint) {
    throw Error(ErrorKind::Usage, "register_loss", "loss '" + entry.name + "' " + problem, hint);
  };
  if (!entry.make) refuse("has no maker", "set LossEntry::make");
  if (all.count(entry.name)) refuse("is there already", "give it another name");
  for (const auto& [option, value] : entry.options) {
    check_name("an option", option);
    for (const auto& [name, other] : all)
      for (const auto& [its_option, its_value] : other.options)
        if (its_option == option && its_value != value)
          refuse("starts with " + option + " " + value + ", loss '" + name + "' with " + its_value,
                 "an option is one flag of the command line: give it the same default or another name");
  }
  const std::string name = entry.name;
  all.emplace(name, std::move(entry));
}

Registry& registry() {
  static Registry all = [] {
    Registry rows;
#define FLEDGE_ADD(name) add(rows, name##_entry());
    FLEDGE_LOSSES(FLEDGE_ADD)
    return rows;
  }();
  return all;
}

/// Given options over the entry's defaults.
LossOptions with_defaults(const LossEntry& entry, const LossOptions& given) {
  LossOptions merged(entry.options.begin(), entry.options.end());
  for (const auto& [option, value] : given) {
    if (merged.find(option) == merged.end()) {
      std::vector<std::string> known;
      for (const auto& declared : entry.options) known.push_back(declared.first);
      throw Error(ErrorKind::Usage, "loss " + entry.name, "no option '" + option + "'",
                  known.empty() ? "it has no options" : did_you_mean(option, known));
    }
    merged[option] = value;
  }
  return merged;
}

}  // namespace

const std::map<std::string, LossEntry>& loss_registry() { return registry(); }

void register_loss(LossEntry entry) { add(registry(), std::move(entry)); }

std::shared_ptr<Loss> make_loss(const std::string& name, const LossOptions& options, const LossSetup& setup) {
  const auto found = registry().find(name);
  if (found == registry().end()) {
    std::vector<std::string> known;
    for (const auto& entry : registry()) known.push_back(entry.first);
    throw Error(ErrorKind::Usage, "loss", "unknown loss '" + name + "'", did_you_mean(name, known));
  }
  const std::shared_ptr<Loss> loss =
      found->second.make(OptionReader(name, with_defaults(found->second, options)), setup);
  // Checkpoints, logs and the optimiser's groups find a loss by its own name.
  if (!loss || loss->name() != name)
    throw Error(ErrorKind::Usage, "loss " + name,
                loss ? std::string("what its entry makes is named '") + loss->name() + "'" : "its entry makes nothing",
                "Loss::name() must be the name in the registry: OptionReader::loss()");
  return loss;
}

}  // namespace fledge
