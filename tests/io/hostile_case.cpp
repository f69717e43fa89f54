#include "tests/io/hostile_case.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/support/files.h"

namespace fledge::test {

namespace {

std::vector<std::string> split(const std::string& text, const std::string& at) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find(at, begin)) != std::string::npos; begin = end + at.size())
    parts.push_back(text.substr(begin, end - begin));
  parts.push_back(text.substr(begin));
  return parts;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

bool has(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// Does the message, without the file's name, say where: a byte, or one of the names in these files.
bool says_where(std::string message, const std::string& name) {
  for (std::size_t at; (at = message.find(name)) != std::string::npos;) message.erase(at, name.size());
  for (const char* place : {"byte", "weight", "extra", "'a'", "'b'", "data.pkl", "data/", "archive", "'pickle'",
                            "tensors", "storages", "sys_info", "version", "__metadata__", "member", "header"})
    if (contains(message, place)) return true;
  return false;
}

std::string judge_refusal(const HostileCase& c, const std::string& name, const Error& e) {
  const std::string message = e.what();
  if (e.kind() != ErrorKind::BadInput)
    return "error of kind " + std::to_string(static_cast<int>(e.kind())) + ": " + message;
  if (!contains(message, name)) return "the message does not name the file: " + message;
  for (const char letter : message)
    if (static_cast<unsigned char>(letter) < 32 || letter == 127)
      return "the message holds the control character " + std::to_string(static_cast<int>(letter)) + ": " + message;
  if (message.size() > name.size() + 2000) return "the message has " + std::to_string(message.size()) + " bytes";
  if (c.expect == "either" || c.expect == "nothing") return "";
  if (c.expect != "refuse") return "refused: " + message;
  for (const std::string& word : c.words)
    if (!contains(message, word)) return "the message does not say '" + word + "': " + message;
  const bool other_format = c.file.starts_with("p18_") || c.file.starts_with("p01_bare");
  if (!other_format && !says_where(message, name)) return "the message does not say where: " + message;
  return "";
}

std::string describe(const WeightFile& file) {
  std::string text = "opened as " + file.info().container + ", tensors:";
  for (const StoredTensor& t : file.tensors()) {
    text += " '" + t.name + "' [";
    for (const std::int64_t d : t.shape) text += std::to_string(d) + " ";
    text += "]";
    if (text.size() > 300) break;
  }
  for (const std::string& warning : file.info().warnings) text += "; warning: " + warning;
  return text;
}

std::string judge_weight(const HostileCase& c, const WeightFile& file) {
  const StoredTensor* weight = nullptr;
  for (const StoredTensor& t : file.tensors())
    if (t.name == "weight") weight = &t;
  if (!weight) return "no tensor 'weight': " + describe(file);
  const std::vector<double> values = file.load(*weight).to_vector<double>();
  if (values == c.weight) return "";
  std::string text = "the tensor 'weight' is";
  for (const double v : values) text += " " + std::to_string(v);
  return text;
}

std::string judge_opened(const HostileCase& c, const WeightFile& file) {
  if (c.expect == "refuse") return describe(file);
  if (c.expect == "nothing") {
    if (!file.tensors().empty() || !file.others().empty()) return describe(file);
  } else {
    const std::string wrong = judge_weight(c, file);
    if (!wrong.empty()) return wrong;
    if (c.expect != "either" && file.tensors().size() + file.others().size() != 1) return describe(file);
  }
  if (c.expect == "accept-warn") {
    if (file.info().warnings.empty()) return "no warning";
    for (const std::string& word : c.words)
      if (!contains(file.info().warnings[0], word)) return "no warning with '" + word + "': " + describe(file);
    return "";
  }
  for (const std::string& word : c.words)
    if (!has(file.info().unknown, word) || !has(file.info().classes, word)) {
      std::string found;
      for (const std::string& name : file.info().unknown) found += " " + name;
      return "'" + word + "' is not among the unknown names:" + found;
    }
  return "";
}

}  // namespace

std::string bytes_of(const WeightFile& file, const StoredTensor& tensor) {
  std::string bytes;
  file.read(tensor, [&](const char* data, std::size_t size) { bytes.append(data, size); });
  return bytes;
}

std::string judge(const HostileCase& c, const std::string& name, const std::function<WeightFile()>& open) {
  try {
    const WeightFile file = open();
    for (const auto* list : {&file.tensors(), &file.others()})
      for (const StoredTensor& t : *list) {
        const std::size_t expected = static_cast<std::size_t>(t.numel() * info_of(t.type).bytes);
        std::size_t got = 0;
        file.read(t, [&](const char*, std::size_t size) { got += size; });
        if (got != expected)
          return "'" + t.name + "' gave " + std::to_string(got) + " bytes instead of " + std::to_string(expected);
      }
    return judge_opened(c, file);
  } catch (const Error& e) {
    return judge_refusal(c, name, e);
  } catch (const std::exception& e) {
    return std::string("threw something else than Error: ") + e.what();
  }
}

std::vector<HostileCase> corpus_cases() {
  std::ifstream list(FLEDGE_SOURCE_DIR "/tests/io/corpus/expected.tsv");
  std::vector<HostileCase> cases;
  for (std::string line; std::getline(list, line);) {
    const std::vector<std::string> field = split(line, "\t");
    if (field.size() != 4) throw std::runtime_error("expected.tsv: bad line: " + line);
    cases.push_back({.file = field[0],
                     .expect = field[1],
                     .words = field[2] == "-" ? std::vector<std::string>{} : split(field[2], ", "),
                     .what = field[3],
                     .path = FLEDGE_CORPUS "/" + field[0]});
  }
  return cases;
}

std::vector<HostileCase> shared_hostile_cases() {
  const std::string folder = shared_folder("fixtures/hostile");
  std::vector<HostileCase> cases;
  if (folder.empty()) return cases;
  std::ifstream list(folder + "/EXPECTED.md");
  for (std::string line; std::getline(list, line);) {
    const std::vector<std::string> field = split(line, " | ");
    if (field.size() < 4 || field[0].find_first_of("pcs") != 2 || field[0] == "| file") continue;
    HostileCase c{.file = field[0].substr(2),
                  .expect = field[2].substr(0, field[2].find(':')),
                  .words = {},
                  .what = field[3].substr(0, field[3].rfind(" |")),
                  .path = folder + "/" + field[0].substr(2)};
    // Their data lies little-endian although it is said to be big: swapped as declared it is something else.
    if (c.file == "p13_big_endian.pth" || c.file == "p16_byteorder_big.pth")
      c.weight = {0x1.007ep-134, 0x1p-143, 0x1.01p-135, 0x1.008p-134};
    if (c.file == "p12_duplicate_key.pth") c.weight = {3, 4};  // the last one
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace fledge::test
