// Lists of pictures, and the files of fields between blanks, commas and tabs that they and the data sets are read with.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "data/datasets/annotation_files/text_file.h"
#include "data/datasets/list.h"
#include "tests/fuzz/input.h"

using namespace fledge;

namespace {

/// A list is known by its name, so it needs one: a link to the file in memory.
struct List {
  fuzz::MemoryFile file;
  std::string path = "/tmp/fuzzed-" + std::to_string(::getpid()) + ".csv";
  List() {
    ::unlink(path.c_str());
    if (::symlink(("/proc/" + std::to_string(::getpid()) + "/fd/" + file.path().substr(14)).c_str(), path.c_str()) != 0)
      fuzz::finding("no link to the file in memory");
  }
  ~List() { ::unlink(path.c_str()); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static List list;
  list.file.fill(data, size);
  fuzz::read_or_refuse(list.path, [] {
    const Annotations found = read_list(list.path);
    open_annotated(found, SplitPart::All);
  });
  const std::string& path = list.file.path();
  for (const char separator : {',', '\t'}) fuzz::read_or_refuse(path, [&] { read_separated(path, separator); });
  for (const std::size_t columns : {1, 2, 5})
    fuzz::read_or_refuse(path, [&] {
      for (const TextRow& row : read_blank_separated(path, columns))
        if (row.fields.size() != columns) fuzz::finding("a row of another width");
    });
  return 0;
}
