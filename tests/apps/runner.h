// Runs the real binary as a child process, and makes the small picture folders it learns from.
#pragma once
#include <stdlib.h>
#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/class_folders.h"
#include "tests/support/files.h"

namespace fledge::test {

using Arguments = std::vector<std::string>;

struct Outcome {
  int code = -1;         // exit code, or 1000 + signal when a signal ended it
  std::string out, err;  // the two streams, kept apart
};

/// The binary, started; wait() gives its outcome. Output goes to files below
/// `folder`, never to a pipe that could fill up.
class Process {
 public:
  /// `file_limit`: no file may grow beyond so many bytes (0: none); writing more fails as on a full disk.
  Process(const TempFolder& folder, const Arguments& arguments, std::int64_t file_limit = 0,
          const char* binary = FLEDGE_BINARY);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  bool running();
  pid_t pid() const { return pid_; }
  void signal(int number);
  Outcome wait();

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  std::string out_, err_;
};

/// A variable of the environment for the children started while it lives.
class Setting {
 public:
  Setting(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Setting() { unsetenv(name_); }

 private:
  const char* name_;
};

/// Runs to the end. Working directory: `folder`.
Outcome run_fledge(const TempFolder& folder, const Arguments& arguments);
/// The same; the test fails, showing stderr, unless it exits with 0.
Outcome must(const TempFolder& folder, const Arguments& arguments);

/// Waits until `condition` holds while the process runs; the test fails after a minute or when the process ends first.
template <class Condition>
void wait_until(Process& process, Condition condition);

/// Lines of RUN/log.jsonl, as text, of one type ("step").
std::vector<std::string> log_lines(const std::string& run, const std::string& type);
nlohmann::json read_json(const std::string& path);
/// Largest difference of two .npy tables of embeddings, which must have the same size.
double embedding_difference(const std::string& a, const std::string& b);
std::string text_of(const std::string& path);
/// Names of the checkpoints, sorted: "step-00000007".
std::vector<std::string> checkpoints(const std::string& run);

Arguments operator+(Arguments a, const Arguments& b);
/// What most runs share: a tiny network on 28 px pictures of `folder`/train and /test;
/// one thread, so that no machine is too busy.
Arguments tiny(const std::string& arch = "resnet18");

/// A folder with pictures that such a run learns from.
struct SmallPictures {
  TempFolder folder;
  SmallPictures() {
    make_pictures(folder / "train", 4, 6, 28, 21);
    make_pictures(folder / "test", 2, 4, 28, 22);
  }
  Arguments train(const Arguments& more) const { return Arguments{"train"} + tiny() + more; }
};

}  // namespace fledge::test

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

template <class Condition>
void fledge::test::wait_until(Process& process, Condition condition) {
  const auto start = std::chrono::steady_clock::now();
  while (!condition()) {
    if (!process.running()) FAIL("the process ended early: " << process.wait().err);
    if (std::chrono::steady_clock::now() - start > std::chrono::minutes(1)) FAIL("nothing happened for a minute");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}
