// How the program meets the system: signals, descriptors that are closed or full, limits, names that are not plain.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "base/escape.h"
#include "io/table.h"
#include "tests/apps/runner.h"
#include "tests/support/sanitized.h"

using namespace fledge::test;
using Catch::Contains;

namespace {

struct Pictures : SmallPictures {
  Arguments loud(const Arguments& more) const {
    Arguments a = train(more);
    a.erase(std::find(a.begin(), a.end(), "--quiet"));
    return a;
  }
};

/// A line of bash in which RUN stands for the binary and its arguments. Exit code of the line; stderr in err.txt.
Outcome shell(const TempFolder& folder, std::string line, const Arguments& arguments) {
  std::string words = FLEDGE_BINARY;
  for (const auto& a : arguments) words += " " + a;
  line.replace(line.find("RUN"), 3, words);
  spill(folder / "line.sh", "cd " + std::string(folder.path()) + "\n" + line + "\n");
  const int status = std::system(("bash " + (folder / "line.sh") + " 2>" + (folder / "err.txt")).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status), "", text_of(folder / "err.txt")};
}

bool has_scrap(const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().filename().string().find("tmp") != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("each signal that asks for a stop leaves a checkpoint", "[e2e][signals]") {
  const Pictures p;
  ::signal(SIGHUP, SIG_DFL);  // the tests may run under nohup, and what is ignored stays so
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string run = "run" + std::to_string(signal);
    Process process(p.folder, p.train({"--run", run, "--epochs", "100000"}));
    wait_until(process, [&] { return log_lines(p.folder / run, "step").size() > 2; });
    process.signal(signal);
    const Outcome o = process.wait();
    INFO(signal << o.err);
    CHECK(o.code == 128 + signal);
    CHECK_FALSE(checkpoints(p.folder / run).empty());
    CHECK_FALSE(has_scrap(p.folder / run));
  }
}

TEST_CASE("verbs without a checkpoint stop within a second and leave no file", "[e2e][signals]") {
  const TempFolder folder;
  make_pictures(folder / "many", 8, 250, 64, 3);
  Process process(folder, {"data", "prepare", "--data", "many", "--output", "p.pack", "--workers", "0", "--quiet"});
  const auto begun = [&] {  // its file, under a temporary name: by now it listens
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      if (entry.path().filename().string().find("p.pack") != std::string::npos) return true;
    return false;
  };
  wait_until(process, begun);
  process.signal(SIGTERM);
  const auto start = std::chrono::steady_clock::now();
  const Outcome o = process.wait();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
  if (o.code != 0) {  // a very quick machine is done
    CHECK(o.code == 143);
    CHECK_FALSE(begun());
  }
}

TEST_CASE("a reader that goes away does not end a run", "[e2e][signals]") {
  const Pictures p;
  const Outcome o = shell(p.folder, "mkfifo gone; (exec 3<gone) & RUN 2>gone >out.txt", p.loud({"--run", "run"}));
  CHECK(o.code == 0);
  CHECK(log_lines(p.folder / "run", "step").size() == 3);
  const Outcome quiet = shell(p.folder, "RUN | (exec 0<&-; sleep 1); exit ${PIPESTATUS[0]}", {"train", "--help"});
  CHECK((quiet.code == 0 || quiet.code == 141));  // 0: all of it fitted into the pipe before its reader went
}

TEST_CASE("output that cannot be written is an error", "[e2e][signals]") {
  const Pictures p;
  const Outcome o = shell(p.folder, "RUN >/dev/full", {"train", "--print-config"});
  CHECK(o.code == 4);
  CHECK_THAT(o.err, Contains("standard output"));
}

TEST_CASE("notes that cannot be written cost no answer", "[e2e][signals]") {
  const Pictures p;
  must(p.folder, p.train({"--run", "run"}));
  must(p.folder, {"embed", "--model", "run", "--data", "test", "--output", "index", "--quiet"});
  const Arguments search = {"search", "--index", "index", "--queries", "index", "--json"};
  const std::string whole = must(p.folder, search).out;
  REQUIRE(whole.size() > 100);
  CHECK(shell(p.folder, "RUN 2>/dev/full >out.txt", search).code == 0);
  const auto hits = [](const std::string& text) { return nlohmann::json::parse(text).size(); };
  CHECK(hits(text_of(p.folder / "out.txt")) == hits(whole));
}

TEST_CASE("closed descriptors: nothing said ends up in a file of the run", "[e2e][signals]") {
  const Pictures p;
  for (const std::string closed : {"<&- >&- 2>&-", "2>&-", ">&- 2>&-"}) {
    std::filesystem::remove_all(p.folder / "run");
    INFO(closed);
    CHECK(shell(p.folder, "RUN " + closed, p.loud({"--run", "run"})).code == 0);
    std::istringstream lines(text_of(p.folder / "run/log.jsonl"));
    for (std::string line; std::getline(lines, line);) CHECK(nlohmann::json::accept(line));
  }
}

TEST_CASE("a limit on the size of files is an error, and earlier checkpoints stay", "[e2e][signals]") {
  const Pictures p;
  must(p.folder, p.train({"--run", "run", "--final-eval", "false"}));
  const Outcome o =
      shell(p.folder, "ulimit -f 98; exec RUN",
            p.train({"--run", "run", "--resume", "auto", "--resume-allow-change", "true", "--epochs", "2"}));
  INFO(o.err);
  CHECK(o.code == 4);
  CHECK(checkpoints(p.folder / "run") == std::vector<std::string>{"step-00000003"});
  CHECK_FALSE(has_scrap(p.folder / "run"));
}

TEST_CASE("memory that runs out is an error, never a crash", "[e2e][limits]") {
  if (kSanitized) return;  // a sanitizer takes terabytes of address space
  const Pictures p;
  must(p.folder, p.train({"--run", "model", "--final-eval", "false"}));
  const Arguments embed = {"embed", "--model", "model", "--data", "test", "--output", "e", "--threads", "1", "--quiet"};
  for (int mb = 60; mb <= 240; mb += 20) {
    std::filesystem::remove_all(p.folder / "run");
    for (const Arguments& arguments : {p.train({"--run", "run"}), embed}) {
      const Outcome o = shell(p.folder, "ulimit -v " + std::to_string(1024 * mb) + "; exec RUN", arguments);
      INFO(mb << " MB: " << arguments[0] << ": " << o.code << "\n" << o.err);
      if (o.code == 127) continue;  // the loader of shared libraries found no room: before main()
      CHECK((o.code == 0 || o.code == 4));
      if (o.code == 4) CHECK_THAT(o.err, Contains("error: "));
    }
  }
}

TEST_CASE("worker threads that cannot be started are an error", "[e2e][limits]") {
  if (::geteuid() != 0 || std::system("command -v setpriv >/dev/null") != 0) {
    WARN("left out: needs to become another user");
    return;
  }
  const Pictures p;
  std::filesystem::permissions(std::string(p.folder.path()), std::filesystem::perms::all);
  for (const Arguments& arguments :
       {Arguments{"data", "verify", "--data", "train", "--workers", "4", "--quiet"},
        Arguments{"data", "prepare", "--data", "train", "--output", "p.pack", "--workers", "2", "--quiet"}}) {
    // A number of its own, so that nobody else's processes count.
    const Outcome o =
        shell(p.folder, "exec setpriv --reuid=54321 --clear-groups bash -c 'ulimit -u 1; exec RUN'", arguments);
    INFO(arguments[1] << o.code << "\n" << o.err);
    CHECK(o.code == 4);
    CHECK_THAT(o.err, Contains("cannot start worker thread"));
  }
  CHECK_FALSE(std::filesystem::exists(p.folder / "p.pack"));
}

TEST_CASE("names that are not plain text: lossless in files, harmless on a terminal", "[e2e][names]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 6, 28, 21);
  const std::string odd_class = "caf\xe9\x1b[31m", odd_picture = "a\tb\nc\\x.png";
  std::filesystem::rename(folder / "train/class0", folder / ("train/" + odd_class));
  std::filesystem::rename(folder / "train/class1/0.png", folder / ("train/class1/" + odd_picture));
  std::filesystem::copy(folder / "train", folder / "test", std::filesystem::copy_options::recursive);
  const auto plain = [](const std::string& text) {
    CHECK_THAT(text, !Contains("\x1b") && !Contains("\xe9"));
    CHECK(nlohmann::json(text).dump().size() > 0);  // throws where the text is no UTF-8
  };
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  must(folder, {"embed", "--model", "run", "--data", "test", "--output", "e", "--quiet"});
  const auto table = fledge::load_table(folder / "e.tsv");
  CHECK(std::count(table.labels.begin(), table.labels.end(), odd_class) == 6);
  CHECK(std::count_if(table.paths.begin(), table.paths.end(),
                      [&](const std::string& path) { return path.ends_with(odd_picture); }) == 1);
  must(folder, {"eval", "--embeddings", "e.npy", "--table", "e.tsv", "--quiet"});
  const Outcome json = must(folder, {"search", "--index", "e", "--queries", "e", "--top", "1", "--json", "--quiet"});
  plain(json.out);
  CHECK(nlohmann::json::parse(json.out)["queries"].size() == 24);
  plain(must(folder, {"search", "--index", "e", "--queries", "e", "--top", "2", "--quiet"}).out);
  spill(folder / ("train/" + odd_class + "/9.png"), std::string("nothing"));
  for (const Arguments& more : {Arguments{}, Arguments{"--json"}}) {
    const Outcome o = run_fledge(folder, Arguments{"data", "verify", "--data", "train", "--quiet"} + more);
    CHECK(o.code == 3);
    plain(o.out + o.err);
    CHECK_THAT(o.out, Contains("caf\\"));
  }
  const Outcome refused = run_fledge(folder, Arguments{"train"} + tiny() + Arguments{"--run", "r2", "--epochs", "9"});
  CHECK(refused.code == 3);
  plain(refused.err);
}

TEST_CASE("names that are not plain text: tables of classes, configs and reports hold them", "[e2e][names]") {
  const TempFolder folder;
  const std::string source = "tr\xe9\x1b[31m";
  make_pictures(folder / source, 4, 6, 28, 21);
  std::filesystem::rename(folder / (source + "/class0"), folder / (source + "/caf\xe9\tand\nmore"));
  must(folder, Arguments{"train"} + tiny() + Arguments{"--train", source, "--test", source, "--run", "run"});
  must(folder, {"eval", "--model", "run", "--data", source, "--per-class", "classes.tsv", "--quiet"});
  const std::string classes = text_of(folder / "classes.tsv");
  CHECK(std::count(classes.begin(), classes.end(), '\n') == 5);
  CHECK_THAT(classes, Contains("\ncaf\\xe9\\x09and\\x0amore\t6\t"));
  must(folder, {"train", "--config", "run/config.toml", "--run", "again"});
  CHECK(text_of(folder / "again/metrics.json") == text_of(folder / "run/metrics.json"));
  const Outcome report = must(folder, {"report", "run", "-o", "r.html"});
  CHECK_THAT(report.err, !Contains("\x1b") && !Contains("\xe9"));
}

TEST_CASE("nothing that a name holds moves a terminal's cursor", "[e2e][names]") {
  if (std::system("command -v script >/dev/null") != 0) {
    WARN("skipped: no 'script' to make a terminal with");
    return;
  }
  const Pictures p;
  must(p.folder, p.train({"--run", "run"}));
  const std::string copy =
      "cp run/checkpoints/step-*/model.safetensors $'m\\x1b[31m\\xe9.safetensors'; rm -f terminal.txt; ";
  for (const Arguments& arguments : {Arguments{"inspect", "m*.safetensors"},
                                     {"convert", "m*.safetensors", "-o", "x.pth"},
                                     {"eval", "--model", "m*.safetensors", "--data", "test"}}) {
    const Outcome o = shell(p.folder, copy + "script -qec 'RUN' terminal.txt </dev/null >/dev/null", arguments);
    const std::string seen = text_of(p.folder / "terminal.txt");
    INFO(arguments[0] << ": " << seen);
    if (arguments[0] != "convert") CHECK_THAT(seen, Contains("m\\x1b[31m\\xe9.safetensors"));
    CHECK_THAT(seen, !Contains("\x1b[31m") && !Contains("\xe9"));
  }
}

TEST_CASE("run files and configs that nest without end are refused by name", "[e2e][json]") {
  const Pictures p;
  must(p.folder, p.train({"--run", "run"}));
  const std::string deep(1000000, '[');
  for (const std::string name : {"run.json", "metrics.json", "config.toml"}) {
    const std::string file = p.folder / ("run/" + name), before = text_of(file);
    spill(file, (name == "config.toml" ? "a = " : "{\"a\":") + deep);
    const Outcome o =
        run_fledge(p.folder, {"report", "run", "--output", "r.html", "--quiet", "--map", "none", "--queries", "0"});
    INFO(name << o.err.substr(0, 500));
    CHECK(o.code == 3);
    CHECK_THAT(o.err, Contains(name));
    spill(file, before);
  }
  std::string parts = "a";
  for (int i = 0; i < 200000; ++i) parts += ".a";
  for (const std::string& text : {"a = " + deep, parts + " = 1", "[" + parts + "]", "[[" + parts + "]]",
                                  "x = {" + parts + " = 1}", std::string(2 << 20, ' ')}) {
    spill(p.folder / "c.toml", text);
    CHECK(run_fledge(p.folder, {"train", "--config", "c.toml"}).code == 2);
  }
  spill(p.folder / "run/config.toml", parts + " = 1");
  const Outcome o = run_fledge(p.folder, {"report", "run", "--output", "r.html", "--map", "none", "--queries", "0"});
  CHECK(o.code == 3);
  CHECK_THAT(o.err, Contains("config.toml' is damaged: line 1: a key of more than 8 parts"));
  // Dots in strings, comments, numbers and values are no parts.
  const std::string dots = "a.b.c.d.e.f.g.h.i.j";
  spill(p.folder / "c.toml", "run = \"" + dots + "\" # " + dots + "\nlr = 0.5\ntrain = '''" + dots + "'''\n");
  CHECK_THAT(must(p.folder, {"train", "--config", "c.toml", "--print-config"}).out, Contains(dots));
}
