// A folder for a case's files, which goes with this object.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/error.h"

namespace fledge::bench {

class SharedFolder {
 public:
  SharedFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "fledge-bench-XXXXXX").string();
    if (!mkdtemp(name.data()))
      throw Error(ErrorKind::Resource, "", "cannot make a folder for the case's files at " + name,
                  "set TMPDIR to a folder that can be written");
    path_ = name;
  }
  ~SharedFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace fledge::bench
