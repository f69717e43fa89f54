#include "tests/apps/runner.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <random>
#include <sstream>

#include "io/npy.h"

namespace fledge::test {
namespace {

int open_new(const std::string& path) { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644); }

}  // namespace

Process::Process(const TempFolder& folder, const Arguments& arguments, std::int64_t file_limit, const char* binary) {
  static int count = 0;
  const std::string base = folder / ("output-" + std::to_string(count++));
  out_ = base + ".out", err_ = base + ".err";
  std::vector<char*> argv = {const_cast<char*>(binary)};
  for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const int out = open_new(out_), err = open_new(err_);
  pid_ = ::fork();
  if (pid_ == 0) {  // only calls that are safe between fork and exec
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    if (file_limit > 0) {
      ::signal(SIGXFSZ, SIG_IGN);  // kept over exec: write() fails instead
      const rlimit limit{static_cast<rlim_t>(file_limit), static_cast<rlim_t>(file_limit)};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (::chdir(folder.path().c_str()) == 0) ::execv(binary, argv.data());
    ::_exit(127);
  }
  ::close(out);
  ::close(err);
  REQUIRE(pid_ > 0);
}

Process::~Process() {
  if (!running()) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Process::running() {
  if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

void Process::signal(int number) {
  if (pid_ > 0) ::kill(pid_, number);
}

Outcome Process::wait() {
  if (pid_ > 0) ::waitpid(pid_, &status_, 0);
  pid_ = -1;
  return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 1000 + WTERMSIG(status_), text_of(out_), text_of(err_)};
}

Outcome run_fledge(const TempFolder& folder, const Arguments& arguments) { return Process(folder, arguments).wait(); }

Outcome must(const TempFolder& folder, const Arguments& arguments) {
  const Outcome outcome = run_fledge(folder, arguments);
  std::string command = "fledge";
  for (const auto& a : arguments) command += " " + a;
  INFO(command << "\n" << outcome.err);
  REQUIRE(outcome.code == 0);
  return outcome;
}

std::string text_of(const std::string& path) {
  const Bytes bytes = slurp(path);
  return {bytes.begin(), bytes.end()};
}

double embedding_difference(const std::string& a, const std::string& b) {
  const fledge::Tensor first = fledge::load_npy(a), second = fledge::load_npy(b);
  REQUIRE(first.dims() == second.dims());
  double worst = 0;
  for (std::int64_t i = 0; i < first.numel(); ++i)
    worst = std::max(worst, std::fabs(double{first.data<float>()[i]} - second.data<float>()[i]));
  return worst;
}

nlohmann::json read_json(const std::string& path) { return nlohmann::json::parse(text_of(path)); }

std::vector<std::string> log_lines(const std::string& run, const std::string& type) {
  std::vector<std::string> lines;
  std::istringstream in(text_of(run + "/log.jsonl"));
  for (std::string line; std::getline(in, line);) {
    const auto j = nlohmann::json::parse(line, nullptr, false);
    if (j.is_object() && j["type"] == type) lines.push_back(line);  // the last line may be half written
  }
  return lines;
}

std::vector<std::string> checkpoints(const std::string& run) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(run + "/checkpoints", none))
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Arguments tiny(const std::string& arch) {
  return {"--arch",
          arch,
          "--width",
          arch == "resnet18" ? "0.0625" : "0.25",
          "--stem",
          "small",
          "--embedding",
          "16",
          "--train",
          "train",
          "--test",
          "test",
          "--size",
          "28",
          "--test-resize-short",
          "0",
          "--batch-size",
          "12",
          "--images-per-class",
          "4",
          "--batches-per-epoch",
          "3",
          "--epochs",
          "1",
          "--workers",
          "0",
          "--threads",
          "1",
          "--device",
          "cpu",
          "--quiet"};
}

}  // namespace fledge::test
