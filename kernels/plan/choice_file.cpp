#include "kernels/plan/choice_file.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/environment.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "fledge-choices-1";

std::string last_line(std::size_t choices) { return "end " + std::to_string(choices); }

}  // namespace

ChoiceFile::ChoiceFile(std::string path, std::string stamp) : path_(std::move(path)), stamp_(std::move(stamp)) {
  ignored_ = read(choices_);
}

std::string ChoiceFile::find(const std::string& problem) const {
  const auto found = choices_.find(problem);
  return found == choices_.end() ? "" : found->second;
}

void ChoiceFile::keep(const std::string& problem, const std::string& choice) {
  choices_[problem] = choice;
  if (path_.empty()) return;
  Choices others;
  if (read(others).empty()) choices_.merge(others);  // what is known here stays
  if (write()) return;
  std::fprintf(stderr, "warning: choices cannot be kept in '%s'\n", path_.c_str());
  path_.clear();  // said once
}

std::string ChoiceFile::read(Choices& into) const {
  std::ifstream in(path_);
  if (path_.empty() || !in) return "";
  Choices found;
  std::string line;
  if (!std::getline(in, line) || line != kFormat || !std::getline(in, line)) return "damaged";
  if (line != stamp_) return "foreign";
  while (std::getline(in, line)) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) {
      if (line != last_line(found.size()) || in.peek() != std::char_traits<char>::eof()) return "damaged";
      into = std::move(found);
      return "";
    }
    if (tab == 0 || tab + 1 == line.size()) return "damaged";
    found[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return "damaged";  // its end is missing
}

bool ChoiceFile::write() const {
  std::error_code error;
  fs::create_directories(fs::path(path_).parent_path(), error);
  const std::string temporary = path_ + "." + std::to_string(::getpid());
  std::ofstream out(temporary);
  out << kFormat << '\n' << stamp_ << '\n';
  for (const auto& [problem, choice] : choices_) out << problem << '\t' << choice << '\n';
  out << last_line(choices_.size()) << '\n';
  out.close();
  if (out) fs::rename(temporary, path_, error);
  const bool written = out && !error;
  if (!written) fs::remove(temporary, error);
  return written;
}

std::string cache_path(const std::string& file) {
  if (const std::string folder = environment("XDG_CACHE_HOME"); !folder.empty()) return folder + "/fledge/" + file;
  if (const std::string home = environment("HOME"); !home.empty()) return home + "/.cache/fledge/" + file;
  return "";
}

}  // namespace fledge
