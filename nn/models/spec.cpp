// ModelSpec as text, and what a valid one is.
#include <charconv>

#include "nn/models/registry.h"

namespace fledge {
namespace {

/// The shortest text that reads back as the same number: "0.25".
std::string text_of(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

[[noreturn]] void bad(const std::string& key, const std::string& value, const std::string& wanted) {
  throw Error(ErrorKind::BadInput, "model", "'" + key + "' is '" + value + "', not " + wanted,
              "the description of the model is damaged or from another version");
}

template <class T>
T number(const std::string& key, const std::string& text, const char* wanted) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) bad(key, text, wanted);
  return value;
}

bool truth(const std::string& key, const std::string& text) {
  if (text != "true" && text != "false") bad(key, text, "true or false");
  return text == "true";
}

}  // namespace

std::map<std::string, std::string> ModelSpec::to_map() const {
  std::map<std::string, std::string> values = {
      {"arch", arch}, {"width", text_of(width)}, {"embedding", std::to_string(embedding)},
      {"stem", stem}, {"conventions", variant},  {"normalize", normalize ? "true" : "false"}};
  if (classes > 0) values["classes"] = std::to_string(classes);  // older versions read what has no classifier
  return values;
}

ModelSpec ModelSpec::from_map(const std::map<std::string, std::string>& values) {
  ModelSpec spec;
  if (!values.count("arch")) {
    throw Error(ErrorKind::BadInput, "model", "the description of the model has no 'arch'",
                "name the architecture, e.g. resnet18");
  }
  for (const auto& [key, value] : values) {
    if (key == "arch")
      spec.arch = value;
    else if (key == "width")
      spec.width = number<double>(key, value, "a number");
    else if (key == "embedding")
      spec.embedding = number<std::int64_t>(key, value, "a whole number");
    else if (key == "classes")
      spec.classes = number<std::int64_t>(key, value, "a whole number");
    else if (key == "stem")
      spec.stem = value;
    else if (key == "conventions")
      spec.variant = value;
    else if (key == "normalize")
      spec.normalize = truth(key, value);
    else
      throw Error(ErrorKind::BadInput, "model", "unknown key '" + key + "' in the description of the model",
                  "known: arch, width, embedding, classes, stem, conventions, normalize");
  }
  return spec;
}

std::string ModelSpec::describe() const {
  std::string text = arch;
  const Architecture* row = find_architecture(arch);
  if (width != 1.0 || (row && row->says_width)) text += " width " + text_of(width);
  text += embedding > 0 ? ", embedding " + std::to_string(embedding) : ", no head";
  if (classes > 0) text += ", " + std::to_string(classes) + " classes";
  text += ", stem " + stem;
  if (variant != "torch") text += ", " + variant + " conventions";
  if (!normalize) text += ", not normalised";
  return text;
}

}  // namespace fledge
