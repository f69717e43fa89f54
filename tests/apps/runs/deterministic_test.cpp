// --deterministic strict: weights, optimiser, log and metrics are the same bytes for any number of threads, a run may
// change that number on the way, and so are evaluations.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <map>

#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;

namespace {

Arguments strict(const std::string& threads) { return {"--deterministic", "strict", "--threads", threads}; }

/// Flags that are there already get the new value: fledge takes each once.
Arguments replaced(Arguments all, const Arguments& flags) {
  for (std::size_t i = 0; i + 1 < flags.size(); i += 2) {
    const auto at = std::find(all.begin(), all.end(), flags[i]);
    if (at != all.end())
      *(at + 1) = flags[i + 1];
    else
      all.insert(all.end(), {flags[i], flags[i + 1]});
  }
  return all;
}

/// The shortest run that computes a network's convolutions.
Arguments small_case(const std::string& name, const Arguments& flags) {
  Arguments all = {"bench", name, "--device", "cpu", "--threads", "1", "--size", "32", "--seconds", "0"};
  all.insert(all.end(), flags.begin(), flags.end());
  return all;
}
Arguments small_inference(const Arguments& flags) { return small_case("infer:mobilenet_v1:0.25:1", flags); }

void check_same(const TempFolder& folder, const std::string& a, const std::string& b) {
  INFO(a << ", " << b);
  const std::vector<std::string> saved = checkpoints(folder / a);
  REQUIRE_FALSE(saved.empty());
  REQUIRE_FALSE(checkpoints(folder / b).empty());
  CHECK(checkpoints(folder / b).back() == saved.back());
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    INFO(file);
    const std::string path = "/checkpoints/" + saved.back() + "/" + file;
    REQUIRE_FALSE(slurp(folder / (a + path)).empty());
    CHECK(slurp(folder / (a + path)) == slurp(folder / (b + path)));
  }
  CHECK(log_lines(folder / a, "step") == log_lines(folder / b, "step"));
  CHECK(read_json(folder / (a + "/metrics.json")) == read_json(folder / (b + "/metrics.json")));
}

}  // namespace

TEST_CASE("strict: the same bytes for 1, 2 and 3 threads", "[e2e][strict]") {
  const TempFolder folder;
  make_pictures(folder / "train", 6, 8, 36, 21);
  make_pictures(folder / "test", 3, 8, 36, 22);
  const auto run = [&](const std::string& verb, const std::string& name, const Arguments& more) {
    for (const std::string threads : {"1", "2", "3"})
      must(folder, replaced(Arguments{verb} + more, strict(threads) + Arguments{"--run", name + threads}));
    check_same(folder, name + "1", name + "2");
    check_same(folder, name + "1", name + "3");
  };
  // Large enough that kernels divide their work: 32 filters on 28 px, 24 pictures.
  const auto network = [](const std::string& arch) {
    return replaced(tiny(arch), {"--width", arch == "resnet18" ? "0.5" : "0.25", "--batch-size", "24",
                                 "--batches-per-epoch", "3", "--pad-shift", "2"});
  };
  run("train", "resnet", network("resnet18") + Arguments{"--loss", "triplet", "--clip-grad", "0.5"});
  run("train", "mobilenet",
      network("mobilenet_v1") +
          Arguments{"--loss", "cosine-softmax", "--optimizer", "adamw", "--weight-decay", "0.01"});
  run("distill", "relative",
      network("mobilenet_v1") + Arguments{"--teacher", "resnet1", "--loss", "none", "--distill",
                                          "absolute=1,relative=0.3,rkd-distance=1,rkd-angle=2"});

  Arguments evaluate = {"eval", "--model", "resnet1", "--data", "test", "--all", "--json", "--size", "28"};
  const Outcome one = must(folder, evaluate + strict("1"));
  CHECK_THAT(one.out, Contains("recall@1"));
  for (const std::string threads : {"2", "3"}) CHECK(must(folder, evaluate + strict(threads)).out == one.out);
}

TEST_CASE("strict: a run goes on with another number of threads, bit by bit", "[e2e][strict]") {
  const TempFolder folder;
  make_pictures(folder / "train", 6, 8, 36, 23);
  make_pictures(folder / "test", 3, 8, 36, 24);
  const auto run = [&](const std::string& name, const std::string& threads, const Arguments& more = {}) {
    return replaced(Arguments{"train"} + tiny("resnet18"),
                    Arguments{"--width", "0.25", "--batches-per-epoch", "12", "--run", name} + strict(threads)) +
           more;
  };
  must(folder, run("straight", "1"));
  Process first(folder, run("killed", "1", {"--save-every", "3"}));
  wait_until(first, [&] { return log_lines(folder / "killed", "step").size() >= 5; });
  first.signal(SIGKILL);
  first.wait();
  const Outcome second = must(folder, run("killed", "2", {"--resume", "auto"}));
  CHECK_THAT(second.err, !Contains("bit-exact"));
  check_same(folder, "straight", "killed");

  const Outcome mixed =
      run_fledge(folder, replaced(run("killed", "2", {"--resume", "auto"}), Arguments{"--deterministic", "repeat"}));
  CHECK(mixed.code == 2);
  CHECK_THAT(mixed.err, Contains("deterministic"));
}

TEST_CASE("strict: what gives the promise up is refused", "[e2e][strict]") {
  const TempFolder folder;
  for (const char* how : {"quick", "full"}) {
    const Outcome o = run_fledge(folder, small_inference({"--deterministic", "strict", "--autotune", how}));
    CHECK(o.code == 2);
    CHECK_THAT(o.err, Contains(std::string("--autotune ") + how + " lets the clock choose"));
  }
  CHECK(run_fledge(folder, {"bench", "--deterministic", "sometimes"}).code == 2);
}

TEST_CASE("implementations of convolutions are chosen by rule, or by the clock, which is kept", "[e2e]") {
  const TempFolder folder;
  const Setting cache("XDG_CACHE_HOME", folder / "cache");
  must(folder, small_inference({}));
  CHECK_FALSE(std::filesystem::exists(folder / "cache"));
  {
    must(folder, small_inference({"--autotune", "quick"}));
    std::vector<std::filesystem::path> kept;
    for (const auto& file : std::filesystem::directory_iterator(folder / "cache/fledge")) kept.push_back(file.path());
    REQUIRE(kept.size() == 1);
    const Bytes first = slurp(kept[0]);
    CHECK_THAT(std::string(first.begin(), first.end()), Contains("float32 bias relu, 1 threads, inference\t"));
    spill(kept[0], "torn");
    CHECK_THAT(must(folder, small_inference({"--autotune", "quick"})).err, Contains("are not used: damaged"));
    const Bytes anew = slurp(kept[0]);
    CHECK(std::count(anew.begin(), anew.end(), '\n') == std::count(first.begin(), first.end(), '\n'));
  }
  must(folder, small_inference({"--autotune", "full"}));  // chooses among more, and keeps that apart
  CHECK(std::distance(std::filesystem::directory_iterator(folder / "cache/fledge"), {}) == 2);
  const Outcome o = run_fledge(folder, small_inference({"--autotune", "fastest"}));
  CHECK(o.code == 2);
  CHECK_THAT(o.err, Contains("fastest") && Contains("quick"));
}

TEST_CASE("verbose says which implementation computed, and why others refused", "[e2e]") {
  const TempFolder folder;
  const Setting verbose("FLEDGE_VERBOSE", "1");
  const std::string lines = must(folder, small_inference({})).err;
  CHECK_THAT(lines, Contains("fledge_verbose,separable_conv2d_fused,strips,n1c128h2w2k128r3s3 "));
  CHECK_THAT(lines, Contains("fledge_verbose,conv2d_fused,few-channels,n1c3h32w32k8r3s3 "));
  CHECK_THAT(lines, Contains("fledge_verbose,global_avg_pool,cpu,"));
  CHECK_THAT(must(folder, small_case("train:mobilenet_v1:0.25:2", {})).err,
             Contains("fledge_verbose,conv2d_moments,depthwise,n2c128h2w2k128r3s3 "));
  CHECK_THAT(
      must(folder, small_case("infer:resnet18:1", {})).err,
      Contains("fledge_verbose,conv2d_fused,onednn:") &&
          Contains(",depthwise: not depthwise; few-channels: more than four input channels; winograd-4x4: not 3"));
  const Setting own("FLEDGE_CPU_KERNELS", "simd");
  CHECK_THAT(must(folder, small_case("infer:resnet18:1", {})).err,
             Contains(",ref,") && Contains("products: gradient of weights only; onednn: not in this set of kernels\n"));
}

TEST_CASE("the instruction sets of both kinds of kernels are capped together, and shown", "[e2e][strict]") {
  const TempFolder folder;
  const auto machine = [&] { return nlohmann::json::parse(must(folder, {"doctor", "--json", "--device", "cpu"}).out); };
  CHECK_FALSE(machine()["onednn_isa"].get<std::string>().empty());
  const Setting isa("FLEDGE_CPU_ISA", "sse4");
  CHECK(machine()["isa"] == "sse4");
  CHECK(machine()["onednn_isa"] == "sse41");
  if (machine()["isa_supported"] == "sse4") return;
  const Setting more("FLEDGE_CPU_ISA", "avx2");
  CHECK(machine()["onednn_isa"] == "avx2");
  {
    const Setting older_name("DNNL_MAX_CPU_ISA", "SSE41");
    CHECK(machine()["onednn_isa"] == "sse41");
  }
  const Setting lower("ONEDNN_MAX_CPU_ISA", "SSE41");
  CHECK(machine()["isa"] == "avx2");
  CHECK(machine()["onednn_isa"] == "sse41");
}
