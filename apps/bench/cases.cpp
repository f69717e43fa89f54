#include "apps/bench/cases.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/error.h"
#include "base/suggest.h"
#include "nn/models/registry.h"

namespace fledge::bench {
namespace {

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
  std::size_t at = 1;
  if (mode == "infer")
    c.mode = BenchCase::Mode::Infer;
  else if (mode == "train")
    c.mode = BenchCase::Mode::Train;
  else if (mode == "distill")
    c.mode = BenchCase::Mode::Distill;
  else
    refuse(text, "'" + mode + "' is none of infer, train, distill");
  if (c.mode == BenchCase::Mode::Distill) c.teacher = read_model(c, parts, at);
  c.model = read_model(c, parts, at);
  if (at + 1 != parts.size()) refuse(text, at < parts.size() ? "too many parts" : "the batch size is missing");
  if (!read(parts[at], c.batch) || c.batch < 1 || c.batch > 65536)
    refuse(text, "'" + parts[at] + "' is no batch size from 1 to 65536");
  return c;
}

std::vector<std::string> default_cases(bool on_device) {
  std::vector<std::string> cases;
  const auto add = [&](const std::vector<std::string>& networks, const std::vector<int>& batches) {
    for (const std::string& network : networks)
      for (const int batch : batches) cases.push_back(network + ":" + std::to_string(batch));
  };
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
