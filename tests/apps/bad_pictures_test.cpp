// --on-bad-image: a picture that cannot be read ends a command with its name, or is left out (training: replaced),
// named and counted, and everything else is as if it had not been there.
#include <catch2/catch.hpp>
#include <cmath>
#include <csignal>

#include "io/npy.h"
#include "io/table.h"
#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

const Arguments kSkip = {"--on-bad-image", "skip"};

void cut_short(const std::string& path) {
  Bytes bytes = slurp(path);
  bytes.resize(bytes.size() / 2);
  spill(path, bytes);
}

/// train and test pictures, and "rest": the test pictures without class1/2.png, which is cut short in "test".
struct Pictures {
  TempFolder folder;
  Pictures() {
    make_pictures(folder / "train", 4, 6, 28, 31);
    make_pictures(folder / "test", 3, 5, 28, 32);
    std::filesystem::copy(folder / "test", folder / "rest", std::filesystem::copy_options::recursive);
    std::filesystem::remove(folder / "rest/class1/2.png");
    cut_short(folder / "test/class1/2.png");
  }
  Arguments train(const Arguments& more) const { return Arguments{"train"} + tiny() + more; }
  json printed(const Arguments& arguments) const { return json::parse(must(folder, arguments).out); }
  void refused(const Arguments& arguments) const {
    const Outcome outcome = run_fledge(folder, arguments);
    INFO(outcome.err);
    CHECK(outcome.code == 3);
    CHECK_THAT(outcome.err, Contains("class1/2.png"));
  }
};

json without_skipped(json j) {
  for (const char* key : {"skipped", "skipped_pictures", "skipped_gallery", "skipped_gallery_pictures"}) j.erase(key);
  return j;
}

void check_counted(const json& j, const char* key = "skipped") {
  INFO(j);
  CHECK(j.at(key) == 1);
  CHECK(j.at(std::string(key) + "_pictures") == json{"class1/2.png"});
}

}  // namespace

TEST_CASE("an unreadable test picture is left out of a run's metrics, named and counted", "[e2e][bad-pictures]") {
  const Pictures p;
  p.refused(p.train({"--run", "refused"}));
  const Outcome outcome = must(p.folder, p.train(Arguments{"--run", "run", "--eval-every", "1"} + kSkip));
  CHECK_THAT(outcome.err, Contains("1 of 15 test pictures could not be read") && Contains("class1/2.png"));
  must(p.folder, p.train(Arguments{"--run", "whole", "--eval-every", "1", "--test", "rest"} + kSkip));
  const json metrics = read_json(p.folder / "run/metrics.json"), rest = read_json(p.folder / "whole/metrics.json");
  check_counted(metrics);
  CHECK(metrics.at("skipped_training") == 0);
  CHECK(rest.at("skipped") == 0);
  CHECK(without_skipped(metrics) == without_skipped(rest));
  CHECK(metrics.at("queries") == 14);
  for (const auto& line : log_lines(p.folder / "run", "eval")) check_counted(json::parse(line));
}

TEST_CASE("an unreadable picture of a held-out class is left out of the validation", "[e2e][bad-pictures]") {
  const Pictures p;
  const Arguments validation = {"--validation",       "0.34", "--train",      "test",
                                "--images-per-class", "4",    "--batch-size", "8"};
  // Which class is held out depends on the seed of the split: one of them holds class1 out.
  for (int seed = 0; seed < 20; ++seed) {
    const std::string run = "run" + std::to_string(seed);
    const Outcome outcome = run_fledge(
        p.folder, p.train(validation + kSkip + Arguments{"--validation-seed", std::to_string(seed), "--run", run}));
    INFO(outcome.err);
    if (outcome.err.find("validation pictures could not be read") == std::string::npos) continue;
    CHECK(outcome.code == 0);
    const auto lines = log_lines(p.folder / run, "validation");
    REQUIRE_FALSE(lines.empty());
    for (const auto& line : lines) check_counted(json::parse(line));
    return;
  }
  FAIL("class1 was never held out");
}

TEST_CASE("eval, embed, search and report leave an unreadable picture out", "[e2e][bad-pictures]") {
  const Pictures p;
  must(p.folder, p.train(Arguments{"--run", "run"} + kSkip));
  const Arguments model = {"--model", "run", "--quiet"};

  const Arguments eval = Arguments{"eval"} + model + Arguments{"--json"};
  p.refused(eval + Arguments{"--data", "test"});
  const json all = p.printed(eval + kSkip + Arguments{"--data", "test"});
  check_counted(all);
  CHECK(without_skipped(all) == without_skipped(p.printed(eval + Arguments{"--data", "rest"})));
  const json two = p.printed(eval + kSkip + Arguments{"--data", "test", "--gallery-model", "run"});
  check_counted(two);
  CHECK(two.at("recall@1") == all.at("recall@1"));
  check_counted(p.printed(eval + kSkip + Arguments{"--data", "train", "--gallery", "test"}), "skipped_gallery");
  CHECK(p.printed(eval + Arguments{"--data", "rest"}).contains("skipped") == false);

  const Arguments embed = Arguments{"embed"} + model;
  p.refused(embed + Arguments{"--data", "test", "--output", "refused"});
  CHECK_FALSE(std::filesystem::exists(p.folder / "refused.npy"));
  const Outcome embedded = must(p.folder, embed + kSkip + Arguments{"--data", "test", "--output", "e"});
  CHECK_THAT(embedded.err, Contains("1 of 15 pictures could not be read") && Contains("class1/2.png"));
  must(p.folder, embed + Arguments{"--data", "rest", "--output", "r"});
  // The same rows, but for the rounding of kernels that are chosen by the size of a batch.
  const fledge::Tensor left = fledge::load_npy(p.folder / "e.npy"), rest = fledge::load_npy(p.folder / "r.npy");
  REQUIRE(left.dims() == rest.dims());
  for (std::int64_t i = 0; i < left.numel(); ++i)
    CHECK(std::abs(left.data<float>()[i] - rest.data<float>()[i]) < 1e-5f);
  CHECK(slurp(p.folder / "e.tsv") == slurp(p.folder / "r.tsv"));
  must(p.folder,
       embed + kSkip + Arguments{"--data", "test", "--output", "workers", "--workers", "3", "--batch-size", "4"});
  CHECK(text_of(p.folder / "workers.tsv") == text_of(p.folder / "r.tsv"));

  const Arguments search = Arguments{"search", "--index", "e", "--json"} + model;
  p.refused(search + Arguments{"--data", "test"});
  const json found = p.printed(search + kSkip + Arguments{"--data", "test"});
  check_counted(found);
  CHECK(found.at("queries").size() == 14);
  const std::string bad = "test/class1/2.png", good = "test/class1/3.png";
  const json single = p.printed(search + kSkip + Arguments{"--query", bad, "--query", good});
  CHECK(single.at("queries").size() == 1);
  CHECK(single.at("queries")[0].at("query") == good);
  CHECK(single.at("skipped_pictures") == json{bad});
  p.refused(search + kSkip + Arguments{"--query", bad});

  const json page = p.printed(Arguments{"report", "run", "--quiet", "--json", "--map", "pca"} + kSkip);
  CHECK_THAT(page.at("notes").dump(), Contains("1 of 15 pictures") && Contains("class1/2.png"));
  CHECK_THAT(text_of(p.folder / "report.html"), Contains("class=\"card scroll\""));
}

TEST_CASE("skipped training pictures are in the log and the metrics, also of a resumed run", "[e2e][bad-pictures]") {
  const Pictures p;
  cut_short(p.folder / "train/class2/3.png");
  cut_short(p.folder / "train/class0/1.png");
  const auto run = [&](const std::string& name, const Arguments& more) {
    return p.train(Arguments{"--run", name, "--test", "rest", "--batches-per-epoch", "12", "--epochs", "3",
                             "--max-bad-fraction", "0.02"} +
                   kSkip + more);
  };
  const Outcome straight = must(p.folder, run("straight", {}));
  CHECK_THAT(straight.err, Contains("2 training pictures could not be read"));
  const auto lines = log_lines(p.folder / "straight", "skipped");
  REQUIRE(lines.size() == 2);
  for (const auto& line : lines) {
    const json j = json::parse(line);
    CHECK((j.at("picture") == "class2/3.png" || j.at("picture") == "class0/1.png"));
    CHECK_THAT(j.at("reason").get<std::string>(), Contains("truncated"));
  }
  CHECK(read_json(p.folder / "straight/metrics.json").at("skipped_training") == 2);
  CHECK(json::parse(log_lines(p.folder / "straight", "epoch").back()).at("unreadable_pictures") == 2);

  for (const std::size_t stop : {1u, 9u, 15u, 30u}) {
    const std::string name = "stopped" + std::to_string(stop);
    Process process(p.folder, run(name, {"--workers", "2"}));
    wait_until(process, [&] { return log_lines(p.folder / name, "step").size() >= stop; });
    process.signal(SIGTERM);
    const int code = process.wait().code;
    CHECK((code == 143 || code == 0));
    must(p.folder, run(name, {"--workers", "0", "--resume", "auto"}));
    CHECK(log_lines(p.folder / name, "skipped") == lines);
    CHECK(log_lines(p.folder / name, "step") == log_lines(p.folder / "straight", "step"));
    CHECK(read_json(p.folder / (name + "/metrics.json")) == read_json(p.folder / "straight/metrics.json"));
  }
  // The share that is allowed is one of the pass, not of what is left of it.
  CHECK(run_fledge(p.folder, run("many", {"--max-bad-fraction", "0.01"})).code == 3);
}

TEST_CASE("kept teacher outputs belong to the pictures that stood in", "[e2e][bad-pictures]") {
  const Pictures p;
  must(p.folder, p.train({"--run", "teacher", "--test", "rest"}));
  cut_short(p.folder / "train/class2/3.png");
  const auto distill = [&](const std::string& run, const Arguments& more) {
    must(p.folder, Arguments{"distill"} + tiny() + kSkip +
                       Arguments{"--teacher", "teacher", "--distill", "relative=1", "--crops", "2", "--epochs", "6",
                                 "--test", "rest", "--max-bad-fraction", "0.1", "--run", run} +
                       more);
    CHECK(log_lines(p.folder / run, "skipped").size() == 1);
    return log_lines(p.folder / run, "step");
  };
  const auto plain = distill("plain", {});
  CHECK(distill("filling", {"--teacher-cache", "kept"}) == plain);
  CHECK(distill("reading", {"--teacher-cache", "kept"}) == plain);
}
