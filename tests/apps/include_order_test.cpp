// Dependencies run one way, and a vendor's or an instruction set's headers stay in their folder.
#include <catch2/catch.hpp>
#include <fstream>
#include <regex>
#include <set>

#include "tests/support/files.h"

namespace fs = std::filesystem;

namespace {

struct Folder {
  std::string path;
  bool recursive;
  std::set<std::string> may_include;  // folders
};

const std::set<std::string> kKernelFolders = {"base",           "kernels/api",  "kernels/ref",    "kernels/cpu",
                                              "kernels/onednn", "kernels/plan", "kernels/profile"};
const std::vector<Folder> kOrder = {
    {"base", true, {"base"}},
    {"kernels/api", true, {"base", "kernels/api"}},
    {"kernels/ref", true, {"base", "kernels/api", "kernels/ref"}},
    {"kernels/plan", true, {"base", "kernels/api", "kernels/plan"}},
    {"kernels/onednn", true, {"base", "kernels/api", "kernels/plan", "kernels/onednn"}},
    {"kernels/cpu", true, {"base", "kernels/api", "kernels/ref", "kernels/plan", "kernels/cpu", "kernels/onednn"}},
    {"kernels/cudnn", true, {"base", "kernels/api", "kernels/plan", "kernels/cuda", "kernels/cudnn"}},
    {"kernels/cuda", true, {"base", "kernels/api", "kernels/cuda", "kernels/cudnn"}},
    {"kernels/profile", true, {"base", "kernels/api", "kernels/profile"}},
    {"kernels", false, kKernelFolders},
    {"tensor", true, {"base", "kernels/api", "tensor"}},
    {"autograd", true, {"base", "kernels/api", "tensor", "autograd"}},
    {"io", true, {"base", "kernels/api", "tensor", "io"}},
    {"data", true, {"base", "kernels/api", "tensor", "io", "data"}},
    {"nn", true, {"base", "kernels/api", "tensor", "autograd", "nn"}},
    {"train", true, {"base", "kernels/api", "tensor", "autograd", "io", "data", "nn", "train"}},
    {"apps",
     true,
     {"base", "kernels/api", "tensor", "autograd", "io", "data", "nn", "train", "apps", "kernels/profile"}},
};

template <class Visit>
void each_source(const std::string& folder, bool recursive, Visit visit) {
  const fs::path root = FLEDGE_SOURCE_DIR;
  for (auto it = fs::recursive_directory_iterator(root / folder); it != fs::recursive_directory_iterator(); ++it) {
    if (!recursive) it.disable_recursion_pending();
    const std::string extension = it->path().extension().string();
    const bool source = extension == ".h" || extension == ".cpp" || extension == ".cu" || extension == ".cuh";
    if (source) visit(fs::relative(it->path(), root).generic_string(), it->path());
  }
}

std::vector<std::string> includes(const fs::path& file) {
  static const std::regex kInclude("^\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"].*");
  std::vector<std::string> found;
  std::ifstream in(file);
  std::smatch match;
  for (std::string line; std::getline(in, line);)
    if (std::regex_match(line, match, kInclude)) found.push_back(match[1]);
  return found;
}

// "kernels/cpu/simd/vec.h" -> "kernels/cpu", "tensor/ops/conv.h" -> "tensor"; "" for what is no header of ours.
std::string folder_of(const std::string& include) {
  static const std::regex kOurs(
      "^(kernels/"
      "(?:api|ref|cpu|onednn|plan|cuda|cudnn|profile)|base|tensor|autograd|io|data|nn|train|apps|bench|tests)/"
      ".*\\.(?:h|cuh)");
  std::smatch match;
  return std::regex_match(include, match, kOurs) ? match[1].str() : "";
}

}  // namespace

TEST_CASE("includes follow the one-way order", "[structure]") {
  int seen = 0;
  for (const Folder& f : kOrder)
    each_source(f.path, f.recursive, [&](const std::string& name, const fs::path& file) {
      for (const std::string& include : includes(file)) {
        const std::string target = folder_of(include);
        if (target.empty()) continue;
        ++seen;
        INFO(name << " includes " << include);
        CHECK(f.may_include.count(target) == 1);
      }
    });
  CHECK(seen > 300);  // the search itself works
}

TEST_CASE("vendors' headers and intrinsics stay where they belong", "[structure]") {
  bool vendor = false, intrinsics = false, cuda = false, cudnn = false;
  for (const Folder& f : kOrder)
    each_source(f.path, f.recursive, [&](const std::string& name, const fs::path& file) {
      for (const std::string& include : includes(file)) {
        INFO(name << " includes " << include);
        if (include.find("dnnl") != std::string::npos) {
          vendor = true;
          CHECK(name.rfind("kernels/onednn/", 0) == 0);
        }
        if (include == "cuda_runtime.h" || include == "cuda_bf16.h") {
          cuda = true;
          CHECK((name.rfind("kernels/cuda/", 0) == 0 || name.rfind("kernels/cudnn/", 0) == 0));
        }
        if (include.rfind("cudnn", 0) == 0 || include.rfind("cublas", 0) == 0) {
          cudnn = true;
          CHECK(name.rfind("kernels/cudnn/", 0) == 0);
        }
        if (include.find("intrin.h") != std::string::npos || include.find("cpuid.h") != std::string::npos) {
          intrinsics = true;
          const bool every_x86_has_it = include == "xmmintrin.h" || include == "emmintrin.h";  // SSE, SSE2
          CHECK((name.rfind("kernels/cpu/simd/", 0) == 0 || name.rfind("io/image/resize/passes_avx", 0) == 0 ||
                 name == "data/views/normalize.cpp" || name == "kernels/profile/machine.h" ||
                 (every_x86_has_it && (name == "kernels/cpu/turn.h" || name == "tensor/philox.h"))));
        }
      }
    });
  CHECK(vendor);
  CHECK(cuda);
  CHECK(cudnn);
  CHECK(intrinsics);
}
