#include "apps/bench/cases.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/suggest.h"
#include "nn/models/registry.h"

namespace fledge::bench {
namespace {

using Mode = BenchCase::Mode;

constexpr std::pair<std::string_view, Mode> kModes[] = {{"infer", Mode::Infer},     {"train", Mode::Train},
                                                        {"distill", Mode::Distill}, {"start", Mode::Start},
                                                        {"load", Mode::Load},       {"retrieval", Mode::Retrieval}};

std::string mode_words() {
  std::string words;
  for (const auto& [word, mode] : kModes) words += (words.empty() ? "" : ", ") + std::string(word);
  return words;
}

[[noreturn]] void refuse(const std::string& text, const std::string& problem, const std::string& hint = "") {
  throw Error(
      ErrorKind::Usage, "", "case '" + text + "': " + problem,
      hint.empty() ? "write e.g. infer:resnet18:8, train:mobilenet_v1:0.25:32 or distill:resnet101:resnet18:32" : hint);
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ':');) parts.push_back(part);
  return parts;
}

/// The whole text as a number, else false.
template <class Number>
bool read(const std::string& text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end;
}

/// "ARCH" or "ARCH:WIDTH" from position `at`; leaves `at` behind it. A width is written with a point.
ModelSpec read_model(const BenchCase& c, const std::vector<std::string>& parts, std::size_t& at) {
  if (at >= parts.size()) refuse(c.text, "a network is missing");
  ModelSpec spec;
  spec.arch = parts[at++];
  const std::vector<std::string> known = model_names();
  if (std::find(known.begin(), known.end(), spec.arch) == known.end())
    refuse(c.text, "there is no network '" + spec.arch + "'", did_you_mean(spec.arch, known));
  if (at < parts.size() && parts[at].find('.') != std::string::npos) {
    if (!read(parts[at], spec.width)) refuse(c.text, "'" + parts[at] + "' is no width");
    ++at;
  }
  EmbeddingModel::shapes_only(spec);  // a width that the network does not have is said now, not in the table
  return spec;
}

}  // namespace

BenchCase parse_case(const std::string& text) {
  BenchCase c;
  c.text = text;
  const std::vector<std::string> parts = split(text);
  const std::string mode = parts.empty() ? "" : parts[0];
  const auto known = std::find_if(std::begin(kModes), std::end(kModes), [&](const auto& m) { return m.first == mode; });
  if (known == std::end(kModes)) refuse(text, "'" + mode + "' is none of " + mode_words());
  c.mode = known->second;
  std::size_t at = 1;
  if (c.mode == BenchCase::Mode::Distill) c.teacher = read_model(c, parts, at);
  if (c.has_network()) c.model = read_model(c, parts, at);
  if (c.mode == BenchCase::Mode::Start) {
    if (at != parts.size()) refuse(text, "too many parts");
    return c;
  }
  if (at + 1 != parts.size()) refuse(text, at < parts.size() ? "too many parts" : "the batch size is missing");
  const std::int64_t most = c.mode == BenchCase::Mode::Retrieval ? 10'000'000 : 65536;
  if (!read(parts[at], c.batch) || c.batch < 1 || c.batch > most)
    refuse(text, "'" + parts[at] + "' is no batch size from 1 to " + std::to_string(most));
  return c;
}

std::vector<std::string> default_cases(bool on_device, bool peers) {
  std::vector<std::string> cases;
  const auto add = [&](const std::vector<std::string>& networks, const std::vector<int>& batches) {
    for (const std::string& network : networks)
      for (const int batch : batches) cases.push_back(network + ":" + std::to_string(batch));
  };
  if (!on_device && peers) {
    add({"infer:resnet18", "infer:resnet50", "infer:resnet101", "infer:mobilenet_v1:0.25"}, {1, 8});
    add({"train:resnet18", "train:resnet50", "train:mobilenet_v1:0.25"}, {32});
    add({"distill:resnet101:resnet18", "distill:resnet101:mobilenet_v1:0.25"}, {32});
    cases.insert(cases.end(), {"start:resnet18", "load:64", "retrieval:60502"});
    return cases;
  }
  if (!on_device) {
    const std::vector<int> batches = {1, 8, 32};
    add({"infer:resnet18", "infer:resnet101", "infer:mobilenet_v1:0.25"}, batches);
    add({"train:resnet18", "train:resnet101", "train:mobilenet_v1:0.25"}, batches);
    add({"distill:resnet101:resnet18"}, {32});
    return cases;
  }
  const std::vector<int> batches = {32, 128, 512};
  add({"train:resnet18", "train:resnet50", "train:mobilenet_v1:0.25"}, batches);
  add({"distill:resnet101:mobilenet_v1:0.25", "distill:resnet101:resnet18"}, batches);
  add({"infer:resnet18", "infer:resnet50", "infer:resnet101", "infer:mobilenet_v1:0.25"}, batches);
  return cases;
}

}  // namespace fledge::bench
