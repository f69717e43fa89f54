// The whole way on tiny pictures: train, distill, eval, embed, and what they leave on disk.
#include <catch2/catch.hpp>

#include "io/checkpoint/safetensors.h"
#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

double mean(const std::vector<std::string>& lines, const std::string& key, std::size_t from, std::size_t to) {
  double sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += json::parse(lines[i]).at(key).get<double>();
  return sum / static_cast<double>(to - from);
}

void check_run(const std::string& run, const std::vector<std::string>& terms) {
  INFO(run);
  const auto steps = log_lines(run, "step");
  REQUIRE(steps.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const json line = json::parse(steps[i]);
    CHECK(line.at("step") == i + 1);
    CHECK(line.at("epoch") == 1);
    CHECK(line.at("lr") == 1e-3);
    CHECK(line.at("grad_norm").get<double>() > 0);
    for (const auto& term : terms) CHECK(line.at(term).get<double>() >= 0);
  }
  const auto epochs = log_lines(run, "epoch"), evals = log_lines(run, "eval");
  REQUIRE(epochs.size() == 1);
  CHECK(json::parse(epochs[0]).at("loss").get<double>() == Approx(mean(steps, "loss", 0, 3)));
  REQUIRE(evals.size() == 1);
  const json metrics = read_json(run + "/metrics.json");
  for (const char* key : {"recall@1", "recall@2", "recall@4", "recall@8", "map@r", "precision@1"}) {
    CHECK(metrics.at(key).get<double>() >= 0);
    CHECK(metrics.at(key).get<double>() <= 1);
    CHECK(json::parse(evals[0]).at(key) == metrics.at(key));
  }
  CHECK(metrics.at("queries") == 24);
  const std::string checkpoint = run + "/checkpoints/step-00000003";
  CHECK(text_of(run + "/checkpoints/LATEST") == "step-00000003\n");
  CHECK(read_json(checkpoint + "/state.json").at("finished") == true);
  CHECK(read_json(checkpoint + "/state.json").at("step") == 3);
  CHECK(fledge::load_safetensors(checkpoint + "/model.safetensors").metadata.at("format") == "fledge-model-1");
  const json description = read_json(run + "/run.json");
  CHECK(description.at("config") == text_of(run + "/config.toml"));
  CHECK_THAT(description.at("command").get<std::string>(), Contains("--run"));
  CHECK(description.at("machine").contains("isa"));
}

}  // namespace

TEST_CASE("teacher, three students, evaluation and embeddings", "[e2e]") {
  const TempFolder folder;
  make_pictures(folder / "train", 6, 8, 32, 1);
  make_pictures(folder / "test", 3, 8, 32, 2);
  const Outcome teacher =
      must(folder, Arguments{"train"} + tiny("resnet18") + Arguments{"--run", "teacher", "--loss", "cosine-softmax"});
  CHECK_THAT(teacher.out, Contains("R@1") && Contains("teacher"));
  CHECK(teacher.err.empty());  // --quiet
  check_run(folder / "teacher", {"loss", "cosine-softmax", "cosine-softmax.accuracy"});

  for (const std::string distill : {"absolute", "relative", "absolute=1,relative=0.3"}) {
    const std::string run = distill.substr(0, 8) + (distill.size() > 8 ? "-both" : "");
    must(folder, Arguments{"distill"} + tiny("mobilenet_v1") +
                     Arguments{"--teacher", "teacher", "--distill", distill, "--run", run});
    std::vector<std::string> terms = {"loss", "triplet", "triplet.active"};
    const bool absolute = distill.find("absolute") == 0, relative = distill.find("relative") != std::string::npos;
    if (absolute) terms.push_back("absolute");
    if (relative) terms.push_back("relative");
    check_run(folder / run, terms);
    const json line = json::parse(log_lines(folder / run, "step")[0]);
    CHECK(line.contains("absolute") == absolute);
    CHECK(line.contains("relative") == relative);
    const double total = line.at("triplet").get<double>() + (absolute ? line.at("absolute").get<double>() : 0) +
                         (relative ? (absolute ? 0.3 : 1.0) * line.at("relative").get<double>() : 0);
    CHECK(line.at("loss").get<double>() == Approx(total).epsilon(1e-5));
  }

  const Outcome side_by_side = must(folder, {"eval", "teacher", "absolute", "relative", "absolute-both", "--json"});
  const json all = json::parse(side_by_side.out);
  CHECK(all.size() == 4);
  CHECK(all.at("relative") == read_json(folder / "relative/metrics.json"));

  // A model evaluated from its run, from its file, and from its stored embeddings:
  // the same numbers as at the end of training.
  const Outcome direct =
      must(folder, {"eval", "--model", "relative", "--data", "test", "--json", "--quiet", "--threads", "1"});
  json stored_metrics = read_json(folder / "relative/metrics.json");
  for (const char* of_the_run : {"epoch", "selected_by"}) CHECK(stored_metrics.erase(of_the_run) == 1);
  json direct_metrics = json::parse(direct.out);
  for (const char* of_the_verb : {"copies", "equal_embeddings"}) CHECK(direct_metrics.erase(of_the_verb) == 1);
  CHECK(direct_metrics == stored_metrics);
  const std::string file = "relative/checkpoints/step-00000003/model.safetensors";
  must(folder,
       {"embed", "--model", file, "--data", "test", "--output", "e", "--quiet", "--threads", "1", "--workers", "2"});
  const Outcome stored = must(folder, {"eval", "--embeddings", "e.npy", "--table", "e.tsv", "--json"});
  CHECK(json::parse(stored.out) == json::parse(direct.out));
  const std::string table = text_of(folder / "e.tsv");
  CHECK_THAT(table, Catch::StartsWith("path\tlabel\tcontent\n") && Contains("class0/0.png\tclass0\t") &&
                        Contains("class2/7.png\tclass2\t"));

  // Pictures searched in a gallery of their own: each finds itself.
  const Outcome gallery =
      must(folder, {"eval", "--model", "teacher", "--data", "test", "--gallery", "test", "--json", "--quiet"});
  CHECK(json::parse(gallery.out).at("recall@1") == 1.0);
  CHECK(json::parse(must(folder, {"data", "verify", "--data", "train", "--json", "--quiet"}).out).at("images") == 48);
  CHECK(json::parse(must(folder, {"doctor", "--json"}).out).contains("isa"));
}

TEST_CASE("64 pictures are learnt by heart", "[e2e]") {
  const TempFolder folder;
  make_pictures(folder / "train", 8, 8, 24, 3);
  must(folder, {"train",     "--train",
                "train",     "--test",
                "train",     "--size",
                "24",        "--test-resize-short",
                "0",         "--stem",
                "small",     "--width",
                "0.125",     "--embedding",
                "32",        "--batch-size",
                "32",        "--images-per-class",
                "4",         "--batches-per-epoch",
                "10",        "--epochs",
                "8",         "--random-crop",
                "false",     "--flip",
                "0",         "--lr",
                "3e-3",      "--quiet",
                "--run",     "heart",
                "--seed",    "1",
                "--threads", "1"});
  const json metrics = read_json(folder / "heart/metrics.json");
  CHECK(metrics.at("queries") == 64);
  CHECK(metrics.at("recall@1") == 1.0);
}

TEST_CASE("each distillation loss lowers its own term", "[e2e]") {
  const TempFolder folder;
  make_pictures(folder / "train", 6, 8, 28, 4);
  make_pictures(folder / "test", 3, 8, 28, 5);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--epochs", "4", "--run", "teacher", "--lr", "3e-3"});
  for (const std::string& flags :
       Arguments{"absolute --abs-form l2", "absolute --abs-form sq", "absolute --abs-form cos",
                 "relative --rel-form frobenius", "relative --rel-form mean_abs", "relative --rel-form mean_sq",
                 "relative --rel-form rkd_huber"}) {
    const std::string name = flags.substr(0, 8), form = flags.substr(flags.rfind(' ') + 1);
    INFO(flags);
    const std::string run = name + "-" + form;
    must(folder, Arguments{"distill"} + tiny() +
                     Arguments{"--teacher",
                               "teacher",
                               "--loss",
                               "none",
                               "--distill",
                               name,
                               name == "absolute" ? "--abs-form" : "--rel-form",
                               form,
                               "--epochs",
                               "8",
                               "--lr",
                               "3e-3",
                               "--random-crop",
                               "false",
                               "--flip",
                               "0",
                               "--seed",
                               "7",
                               "--run",
                               run,
                               "--final-eval",
                               "false"});
    const auto steps = log_lines(folder / run, "step");
    REQUIRE(steps.size() == 24);
    CHECK(mean(steps, name, 18, 24) < 0.8 * mean(steps, name, 0, 6));
    CHECK_FALSE(std::filesystem::exists(folder / (run + "/metrics.json")));
  }
}
