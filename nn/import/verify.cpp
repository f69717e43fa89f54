#include "nn/import/verify.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/api/dims.h"
#include "nn/import/beside.h"
#include "nn/state_dict.h"

namespace fledge::importing {
namespace {

using Shape = std::vector<std::int64_t>;

/// "tensor 'a' has no place (why)", or "306 tensors have no place: 'a' (why), 'b', ..."; a reason is said once.
class Complaint {
 public:
  Complaint(const char* one, const char* many) : one_(one), many_(many) {}

  void add(const std::string& shown, const std::string& reason) {
    ++count_;
    if (entries_.size() < kShown) entries_.push_back({shown, reason});
  }

  void append_to(std::string& message) const {
    if (count_ == 0) return;
    message += message.empty() ? "" : "; ";
    if (count_ == 1) {
      message += "tensor " + entries_[0].shown + " " + one_ + in_braces(entries_[0].reason);
      return;
    }
    message += std::to_string(count_) + " tensors " + many_ + ": ";
    std::string said;
    for (const Entry& e : entries_) {
      message += (&e == &entries_[0] ? "" : ", ") + e.shown + (e.reason == said ? "" : in_braces(e.reason));
      said = e.reason;
    }
    if (count_ > kShown) message += ", ...";
  }

 private:
  static constexpr std::size_t kShown = 12;
  struct Entry {
    std::string shown, reason;
  };
  static std::string in_braces(const std::string& reason) { return reason.empty() ? "" : " (" + reason + ")"; }

  std::string one_, many_;
  std::size_t count_ = 0;
  std::vector<Entry> entries_;
};

/// The file's name of a tensor of ours.
std::string name_in_file(const std::string& ours, const FoundBackbone& backbone, const Heads& heads) {
  if (ours.starts_with("feat.")) return heads.embedding + ours.substr(4);
  if (ours.starts_with("fc.")) return heads.classifier + ours.substr(2);
  return backbone.prefix + backbone.names().theirs(ours);
}

std::string hint_for(const Identified& a) {
  if (!a.looks_like.empty() && a.looks_like != a.spec.arch)
    return "the file looks like " + a.looks_like + ": use --arch " + a.looks_like;
  return "lines 'from = to' in a --map FILE rename tensors, 'from =' drops them";
}

}  // namespace

Assignment assign(const std::vector<Source>& sources, const FoundBackbone& backbone, const Heads& heads) {
  Assignment result{.target = backbone.target, .unused = std::vector<bool>(sources.size(), false)};
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Source& source = sources[i];
    if (source.dropped) {
      result.unused[i] = true;
      continue;
    }
    if (!result.target[i].empty()) continue;
    const auto is_in = [&](const std::string& module) {
      return !module.empty() && source.name.size() > module.size() && source.name.starts_with(module) &&
             source.name[module.size()] == '.';
    };
    // Of a head everything counts: a tensor too much (weight norm, ...) would change what it computes.
    if (is_in(heads.embedding))
      result.target[i] = "feat" + source.name.substr(heads.embedding.size());
    else if (is_in(heads.classifier))
      result.target[i] = "fc" + source.name.substr(heads.classifier.size());
    else if (std::any_of(heads.unused_modules.begin(), heads.unused_modules.end(), is_in))
      result.unused[i] = true;
    else  // beside the backbone, or a loss's; what else is below the backbone is unexpected
      result.unused[i] = !source.name.starts_with(backbone.prefix) || is_of_loss(backbone, source.name);
  }
  return result;
}

void verify(const std::vector<Source>& sources, const Assignment& assignment, const Identified& identified,
            const FoundBackbone& backbone, const Heads& heads) {
  Complaint unexpected("has no place", "have no place"), missing("is missing", "are missing");
  Complaint misshapen("has another shape", "have another shape"), doubles("is there twice", "are there twice");
  const ModelSpec& spec = identified.spec;
  const auto& why_no_place = backbone.family->why_no_place;
  const std::vector<NamedShape> wanted = shapes_of(spec);
  std::unordered_map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < wanted.size(); ++i) index.emplace(wanted[i].name, i);
  std::vector<bool> filled(wanted.size(), false);

  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (assignment.unused[i]) continue;
    const std::string& name = assignment.target[i];
    const auto found = index.find(name);
    if (found == index.end()) {
      unexpected.add(sources[i].shown(), why_no_place ? why_no_place(name, spec.arch) : "");
      continue;
    }
    const Shape& shape = wanted[found->second].shape;
    if (filled[found->second]) doubles.add(sources[i].shown(), "as " + name);
    filled[found->second] = true;
    if (!fits_state(name, sources[i].shape(), shape))
      misshapen.add(sources[i].shown(),
                    sizes_text(sources[i].shape()) + " in the file, " + sizes_text(shape) + " in " + spec.arch);
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (filled[i] || is_batch_counter(wanted[i].name)) continue;
    if (heads.without_bias && wanted[i].name == "feat.bias") continue;
    missing.add(quoted(name_in_file(wanted[i].name, backbone, heads)), "");
  }

  std::string problem;
  for (const Complaint* c : {&unexpected, &missing, &misshapen, &doubles}) c->append_to(problem);
  if (problem.empty()) return;
  throw Error(ErrorKind::BadInput, "", "the tensors do not fit " + spec.describe() + ": " + problem,
              hint_for(identified));
}

}  // namespace fledge::importing
