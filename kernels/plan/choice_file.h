// ChoiceFile: which of several ways to compute a problem was measured to be the fastest, kept between runs of one build
// on one machine. A file of text, one choice a line, that is written anew and renamed into place, so that a reader sees
// all of it or none. It is a memory and no input: one that is damaged, or is another machine's or build's, is passed
// over (ignored() says why), and one that cannot be written is done without, which is said once on stderr.
#pragma once
#include <map>
#include <string>

namespace fledge {

class ChoiceFile {
 public:
  /// Reads `path` where it is there; "" keeps nothing. `stamp`: a line that names the machine and the build.
  ChoiceFile(std::string path, std::string stamp);

  /// "" where nothing is known. Problems and choices are texts without tabs and line breaks.
  std::string find(const std::string& problem) const;
  /// Adds a choice, and those that other processes have written meanwhile.
  void keep(const std::string& problem, const std::string& choice);

  /// In one word, why the file that was there is not used: "damaged", "foreign"; "" where it is, or there was none.
  const std::string& ignored() const { return ignored_; }

 private:
  using Choices = std::map<std::string, std::string>;
  /// The word is `ignored_`'s.
  std::string read(Choices& into) const;
  bool write() const;

  std::string path_, stamp_, ignored_;
  Choices choices_;
};

/// Where this user keeps what may be lost: FILE in the folder "fledge" of XDG_CACHE_HOME, else of ~/.cache; "" where
/// neither variable is set.
std::string cache_path(const std::string& file);

}  // namespace fledge
