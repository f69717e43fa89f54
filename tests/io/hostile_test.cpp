// The attack corpus (robustness.md C.2): each file opens or is refused as its line says, within a second of processor
// time, in a child process that may only read - no process, no file, no socket, no more memory than promised.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <ctime>
#include <filesystem>

#include "tensor/context.h"
#include "tensor/creation.h"
#include "tests/io/hostile_case.h"
#include "tests/io/hostile_watch.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;

namespace {

constexpr double kSeconds = kSanitized ? 10 : 1;
constexpr std::size_t kMemory = std::size_t{128} << 20;  // more than the file's size

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

std::string text_of(const std::string& path) {
  const Bytes bytes = slurp(path);
  return std::string(bytes.begin(), bytes.end());
}

/// The case's file on disk; large ones are written to the folder and go away with the object.
class OnDisk {
 public:
  OnDisk(const HostileCase& c, const TempFolder& folder) : path_(c.path), made_(c.path.empty()) {
    if (!made_) return;
    path_ = folder / c.file;
    spill(path_, c.make());
  }
  ~OnDisk() {
    if (made_) std::filesystem::remove(path_);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool made_;
};

std::string judge_in_time(const HostileCase& c, const std::string& path) {
  const double begin = processor_seconds();
  const std::string wrong = judge(c, path, [&] { return WeightFile(path); });
  const double seconds = processor_seconds() - begin;
  double allowed = kSeconds;
  if (c.file.starts_with("p07_") && !kSanitized) allowed = 0.05;  // lengths that lie cost nothing
  if (c.file.starts_with("p08_")) allowed = kSeconds / 10;        // what unfolds is counted, not unfolded
  return wrong.empty() && seconds > allowed ? "it took " + std::to_string(seconds) + " seconds" : wrong;
}

/// Some sandboxes forbid filters of system calls.
bool can_watch() {
  static const bool can = [] {
    const std::string report = watched(0, [] { return std::string(); });
    if (!report.empty()) WARN("not watched: " << report);
    return report.empty();
  }();
  return can;
}

/// From disk in a watched child; where that went well, from memory in this process too. With sanitizers, whose
/// processes take a tenth of a second to copy and need memory of their own, both here.
void check(const HostileCase& c, const TempFolder& folder) {
  const OnDisk disk(c, folder);
  INFO(c.file << " (" << c.expect << "): " << c.what);
  const auto in_child = [&] {
    set_num_threads(1);
    return judge_in_time(c, disk.path());
  };
  const bool here = kSanitized || !can_watch();
  const std::string report =
      here ? judge_in_time(c, disk.path()) : watched(std::filesystem::file_size(disk.path()) + kMemory, in_child);
  CHECK(report == "");
  if (!report.empty()) return;
  const std::string bytes = text_of(disk.path());
  CHECK(judge(c, "memory:" + c.file, [&] { return WeightFile::in_memory(bytes, "memory:" + c.file); }) == "");
}

void check_all(const std::vector<HostileCase>& cases) {
  zeros({4}).fill(1);  // what the first tensor of a process sets up is not the reader's doing
  const TempFolder folder;
  for (const HostileCase& c : cases) check(c, folder);
  CHECK(!std::filesystem::exists("HOSTILE_PAYLOAD_RAN"));
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace

TEST_CASE("hostile: the watch sees what is forbidden", "[hostile]") {
  if (!can_watch()) return;
  const TempFolder folder;
  spill(folder / "there", std::string("text"));
  const auto forbidden = [](const std::string& report) { return report.starts_with("forbidden system call"); };
  CHECK(watched(0, [&] { return text_of(folder / "there"); }) == "text");
  CHECK(forbidden(
      watched(0, [&] { return std::to_string(::open((folder / "new").c_str(), O_CREAT | O_WRONLY, 0600)); })));
  CHECK(forbidden(watched(0, [&] { return std::to_string(::open((folder / "there").c_str(), O_RDWR)); })));
  CHECK(forbidden(watched(0, [&] { return std::to_string(::unlink((folder / "there").c_str())); })));
  CHECK(forbidden(watched(0, [&] { return std::to_string(::rename((folder / "there").c_str(), "x")); })));
  CHECK(forbidden(watched(0, [] { return std::to_string(::fork()); })));
  CHECK(forbidden(watched(0, [] { return std::to_string(::execl("/bin/true", "true", nullptr)); })));
  CHECK(forbidden(watched(0, [] { return std::to_string(::socket(AF_INET, SOCK_STREAM, 0)); })));
  CHECK(forbidden(watched(0, [] {
    return std::to_string(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                          MAP_FAILED);
  })));
  CHECK(forbidden(watched(0, [] { return std::to_string(std::system("true")); })));
  CHECK(watched(0, []() -> std::string { std::abort(); }) == "killed by signal 6");
  if (!kSanitized)
    CHECK(watched(kMemory, [] { return std::string(std::size_t{256} << 20, 'x'); }).starts_with("threw"));
  CHECK(slurp(folder / "there").size() == 4);
  CHECK(!std::filesystem::exists(folder / "new"));
}

TEST_CASE("hostile: the corpus", "[hostile]") {
  const std::vector<HostileCase> cases = corpus_cases();
  CHECK(cases.size() > 1000);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(FLEDGE_CORPUS)) files += entry.is_regular_file();
  CHECK(files == cases.size());
  check_all(cases);
}

TEST_CASE("hostile: large files", "[hostile]") { check_all(large_cases()); }

TEST_CASE("hostile: the shared files", "[hostile]") {
  const std::vector<HostileCase> cases = shared_hostile_cases();
  if (cases.empty()) {
    WARN("skipped: no shared fixtures (set FLEDGE_SHARED)");
    return;
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(shared_folder("fixtures/hostile")))
    files += entry.path().filename() != "EXPECTED.md";
  CHECK(cases.size() == files);
  check_all(cases);
}

TEST_CASE("hostile: paths that are no files", "[hostile]") {
  if (!can_watch()) return;
  const TempFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  for (const std::string& path : {folder.path(), folder / "none", folder / "pipe", std::string("/dev/null"),
                                  std::string("/dev/zero"), std::string("/proc/self/mem"), std::string()}) {
    CAPTURE(path);
    const std::string report = watched(0, [&]() -> std::string {
      ::alarm(2);  // opening a pipe must not wait for its writer
      ErrorKind kind = ErrorKind::Internal;
      const std::string error = error_of([&] { WeightFile file(path); }, &kind);
      if (kind != ErrorKind::BadInput) return "not BadInput: " + error;
      return error.find("'" + path + "'") == std::string::npos ? "names no file: " + error : "";
    });
    CHECK(report == "");
  }
}
