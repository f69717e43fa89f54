// fledge bench beside other programs: a stand-in for Python shows turns, table, JSON, picture. Where the packages are
// there ($FLEDGE_PYTHON, else python3) they compute what fledge computes.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "apps/bench/picture.h"
#include "apps/bench/turns.h"
#include "tests/apps/bench_runs.h"

using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

/// A program that answers as bench/peers/peer.py does: torch is there, with 6 ms by default and 3 ms tuned; faiss
/// computes something else; openvino is not there. What it was given lies in the file "given".
std::string peers_stand_in(const TempFolder& folder) {
  const std::string path = folder / "python";
  spill(path, std::string(R"(#!/bin/sh
script=$1; shift
case "$1" in --*) ;; *) files=$(ls $4 | tr '\n' ' ') ;; esac
echo "$@ OMP=$OMP_NUM_THREADS KEEP=$MALLOC_MMAP_THRESHOLD_$LD_PRELOAD files=$files script=$script" >>)" +
                          folder.path() + R"(/given
case "$*" in
  "--probe openvino"*) echo '{"error": "No module named openvino"}' ;;
  --probe*) echo "{\"version\": \"$2 9.9\"}" ;;
  --prepare*) echo '{}' ;;
  faiss*) echo '{"error": "its recalls differ"}' ;;
  *default*) echo 'noise'; echo '{"median_ms": 6.0, "minimum_ms": 5.5, "cpu_ms": 2, "steps": 7, "peak_mib": 1000}' ;;
  *) echo '{"median_ms": 3.0, "minimum_ms": 2.5, "cpu_ms": 4, "steps": 7, "peak_mib": 500}' ;;
esac
)"));
  ::chmod(path.c_str(), 0755);
  return path;
}

/// The lines that begin with `start`, in order, each up to its first flag.
std::string turns_in(const std::string& given, const std::string& start) {
  std::istringstream in(given);
  std::string turns;
  for (std::string line; std::getline(in, line);)
    if (line.rfind(start, 0) == 0) {
      const std::size_t variant = line.find("--variant ") + 10;
      turns += line.substr(variant, line.find(' ', variant) - variant) + " ";
    }
  return turns;
}

std::string real_python() {
  const char* given = std::getenv("FLEDGE_PYTHON");
  return given && *given ? given : "python3";
}

}  // namespace

TEST_CASE("the better of two turns is kept, an error ends them", "[bench]") {
  int asked = 0;
  fledge::bench::Entrant entrant("a", [&] {
    ++asked;
    if (asked == 3) return nlohmann::ordered_json{{"error", "no"}};
    return nlohmann::ordered_json{{"median_ms", asked == 1 ? 5 : 4}, {"minimum_ms", asked}, {"cpu_ms", 10 - asked}};
  });
  entrant.take_turn(), entrant.take_turn();
  const auto kept = entrant.result();
  CHECK(kept["median_ms"] == 4);
  CHECK(kept["minimum_ms"] == 1);
  CHECK(kept["cpu_ms"] == 8);
  CHECK(kept["rounds"] == nlohmann::ordered_json::array({5, 4}));
  entrant.take_turn(), entrant.take_turn();
  CHECK(asked == 3);
  CHECK(entrant.result() == nlohmann::ordered_json{{"error", "no"}});
}

TEST_CASE("ratios: the fastest peer's time and memory, anybody's least processor time", "[bench]") {
  using Json = nlohmann::ordered_json;
  Json row = Json::parse(R"({"fledge": {"median_ms": 2, "cpu_ms": 4, "peak_mib": 10}, "peers": [
      {"median_ms": 5, "cpu_ms": 2, "peak_mib": 1}, {"median_ms": 3, "cpu_ms": 8, "peak_mib": 40}, {"error": "no"}]})");
  fledge::bench::add_ratios(row);
  CHECK(row["best"] == 1);
  CHECK(row["ratio"] == 1.5);
  CHECK(row["cpu_ratio"] == 0.5);
  CHECK(row["memory_ratio"] == 4.0);
  Json alone = Json::parse(R"({"fledge": {"median_ms": 2}, "peers": [{"error": "no"}]})");
  fledge::bench::add_ratios(alone);
  CHECK_FALSE(alone.contains("ratio"));
}

TEST_CASE("beside peers: in turns, the fastest counts", "[e2e][bench]") {
  const TempFolder folder;
  const Arguments with = {kBenchCase, "--against", "torch,openvino", "--python", peers_stand_in(folder),
                          "--rounds", "2"};
  const json j = bench_answer(folder, bench_on_cpu({}) + with);
  const json& c = j["cases"][0];
  INFO(c);
  CHECK(j["peers"] == json::array({"torch 9.9"}));
  REQUIRE(c["peers"].size() == 2);
  CHECK(c["peers"][0]["variant"] == "default");
  CHECK(c["best"] == 1);
  CHECK(c["peers"][1]["rounds"] == json::array({3.0, 3.0}));
  CHECK(c["fledge"]["rounds"].size() == 2);
  CHECK(c["ratio"].get<double>() == Approx(3.0 / c["fledge"]["median_ms"].get<double>()));
  CHECK(c["cpu_ratio"].get<double>() == Approx(2.0 / c["fledge"]["cpu_ms"].get<double>()));
  CHECK(c["memory_ratio"].get<double>() == Approx(500 / c["fledge"]["peak_mib"].get<double>()));

  const std::string given = text_of(folder / "given");
  CHECK(turns_in(given, "torch ") == "default tuned tuned default ");
  CHECK_THAT(given, Contains("--prepare " + kBenchCase));
  CHECK_THAT(given, Contains("files=embeddings.npy images.npy model.safetensors"));
  CHECK_THAT(given, Contains("bench/peers/peer.py"));
  std::istringstream lines(given);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("torch ", 0) != 0) continue;
    CHECK_THAT(line,
               Contains("--size 32") && Contains("--precision f32") && Contains("--threads 1") && Contains("OMP=1"));
    CHECK((line.find("KEEP= ") == std::string::npos) == (line.find("--variant tuned") != std::string::npos));
    const std::size_t at = line.find("--folder ") + 9;
    CHECK_FALSE(std::filesystem::exists(line.substr(at, line.find(' ', at) - at)));  // gone with the run
  }
}

TEST_CASE("beside peers: table, picture, numbers of threads", "[e2e][bench]") {
  const TempFolder folder;
  const std::string python = peers_stand_in(folder);
  const Outcome table =
      must(folder, bench_on_cpu({kBenchCase, "retrieval:50", "--against", "torch,openvino,faiss", "--python", python,
                                 "--variants", "tuned", "--thread-counts", "1,2", "--picture", "bars.svg", "--quiet"}));
  INFO(table.out);
  CHECK_THAT(table.out, !Contains("strict"));
  CHECK_THAT(table.out, Contains("beside torch 9.9, faiss 9.9") && Contains("above 1 fledge is faster"));
  CHECK_THAT(row_of(table.out, kBenchCase), Contains(" 1 "));
  CHECK_THAT(row_of(table.out, "  torch, tuned"), Contains(" 1.500 ") && Contains(" 500"));  // two pictures a step
  CHECK_THAT(row_of(table.out, "  fledge against the fastest"), Contains("torch, tuned") && Contains("memory"));
  CHECK_THAT(row_of(table.out, "  faiss, tuned"), Contains("its recalls differ"));
  CHECK_THAT(table.err, Contains("note: openvino cannot be used") && Contains("pip install numpy openvino"));
  CHECK(std::count(table.err.begin(), table.err.end(), '\n') == 1);

  const std::string picture = text_of(folder / "bars.svg");
  CHECK(picture.rfind("<svg ", 0) == 0);
  CHECK_THAT(picture, Contains(kBenchCase + ", 1 thread(s)") && Contains(kBenchCase + ", 2 thread(s)"));
  CHECK_THAT(picture, Contains("torch, tuned: 1.5 ms, 1.25 to 1.5"));
  CHECK_THAT(picture, !Contains("faiss"));
  spill(folder / "other.svg", "mine");
  for (const std::string place : {"other.svg", "none/bars.svg"})  // said before anything is timed
    CHECK(run_fledge(folder, bench_on_cpu({kBenchCase, "--picture", place})).code != 0);
  CHECK(text_of(folder / "other.svg") == "mine");
}

TEST_CASE("without the packages there is a note for each, and fledge's rows", "[e2e][bench]") {
  const TempFolder folder;
  const Outcome o =
      must(folder, bench_on_cpu({kBenchCase, "--against", "torch,ncnn", "--python", folder / "none", "--quiet"}));
  CHECK_THAT(o.err, Contains("note: torch cannot be used") && Contains("note: ncnn") &&
                        Contains("cannot be started; name a Python"));
  CHECK(std::count(o.err.begin(), o.err.end(), '\n') == 2);
  CHECK_FALSE(row_of(o.out, kBenchCase).empty());

  const Setting elsewhere("FLEDGE_PEERS", folder / "none");
  const Outcome refused = run_fledge(folder, bench_on_cpu({kBenchCase, "--against", "torch"}));
  CHECK(refused.code == 4);
  CHECK_THAT(refused.err, Contains("none/peer.py") && Contains("FLEDGE_PEERS"));
}

TEST_CASE("a run that is stopped leaves no files", "[e2e][bench]") {
  const TempFolder folder;
  const std::string temporary = folder / "temporary";
  std::filesystem::create_directory(temporary);
  const Setting place("TMPDIR", temporary);
  Process process(folder, bench_on_cpu({"start:mobilenet_v1:0.25"}) + Arguments{"--rounds", "100"});
  wait_until(process, [&] { return !std::filesystem::is_empty(temporary); });
  process.signal(SIGTERM);
  CHECK(process.wait().code == 143);
  CHECK(std::filesystem::is_empty(temporary));
}

TEST_CASE("peers that are there compute what fledge computes", "[e2e][bench][peers]") {
  const TempFolder folder;
  const auto run = [&](const std::string& peer, const std::string& case_text) {
    Arguments arguments =
        bench_on_cpu({case_text, "--against", peer, "--python", real_python(), "--variants", "tuned"});
    std::replace(arguments.begin(), arguments.end(), std::string("32"), std::string("64"));
    const json c = bench_answer(folder, arguments)["cases"][0];
    INFO(c);
    if (!c.contains("peers")) {
      WARN("skipped: '" << real_python() << "' has no " << peer << " (set FLEDGE_PYTHON)");
      return;
    }
    REQUIRE_FALSE(c["peers"][0].contains("error"));
    CHECK(c["peers"][0]["difference"] <= (c["case"] == "load:9" || c["case"] == "retrieval:500" ? 0.05 : 1e-4));
  };
  for (const std::string peer : {"onnxruntime", "openvino", "ncnn", "torch"}) {
    run(peer, kBenchCase);
    run(peer, "infer:resnet18:1");
  }
  run("onnxruntime", "infer:resnet50:0.25:1");
  run("onnxruntime", "start:mobilenet_v1:0.25");
  run("torch", "train:mobilenet_v1:0.25:8");
  run("torch", "distill:resnet18:mobilenet_v1:0.25:8");
  for (const std::string peer : {"torchvision", "opencv", "pillow"}) run(peer, "load:9");
  run("faiss", "retrieval:500");
}

TEST_CASE("a peer that computes something else is not timed", "[e2e][bench][peers]") {
  const TempFolder folder;
  must(folder, bench_on_cpu({"--child", "share", "--folder", folder.path(), kBenchCase}));
  const auto peer = [&](const std::string& arguments) {
    const std::string command = real_python() + " " + FLEDGE_SOURCE_DIR + "/bench/peers/peer.py " + arguments +
                                " --folder " + folder.path() + " --size 32 --seconds 0 >" + (folder / "answer") +
                                " 2>/dev/null";
    return std::system(command.c_str()) == 0 ? read_json(folder / "answer") : json{{"error", "it cannot be started"}};
  };
  if (peer("--probe onnxruntime").contains("error")) {
    WARN("skipped: '" << real_python() << "' has no onnxruntime (set FLEDGE_PYTHON)");
    return;
  }
  REQUIRE_FALSE(peer("--prepare " + kBenchCase).contains("error"));
  CHECK(peer("onnxruntime " + kBenchCase)["difference"] <= 1e-4);
  Bytes embeddings = slurp(folder / "embeddings.npy");
  embeddings[embeddings.size() - 1] ^= 0x80;  // the sign of the last number
  spill(folder / "embeddings.npy", embeddings);
  CHECK_THAT(peer("onnxruntime " + kBenchCase).value("error", ""), Contains("embeddings differ from fledge's"));
}
