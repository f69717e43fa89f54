// fledge inspect and fledge convert on small files that are made here: what is printed, kept, listed and refused.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "io/checkpoint/safetensors.h"
#include "io/npy.h"
#include "io/torch/write_torch.h"
#include "nn/import/import.h"
#include "nn/models/model.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "tests/apps/runner.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

using Named = std::vector<std::pair<std::string, Tensor>>;

const ModelSpec kTiny{.arch = "resnet18", .width = 0.0625, .embedding = 16};

/// The tensors of a tiny network with random weights, each name behind `prefix`.
Named network(const ModelSpec& spec, const std::string& trunk, const std::string& head) {
  const EmbeddingModel model(spec, 3);
  Named tensors;
  for (const auto& [name, t] : state_dict(model))
    tensors.emplace_back((name.rfind("feat.", 0) == 0 ? head : trunk) + name, t);
  return tensors;
}

void write_torch(const std::string& path, const Named& tensors) {
  std::vector<TensorToSave> list;
  for (const auto& [name, t] : tensors) list.push_back(to_save(name, t));
  save_torch(path, list);
}

/// As the paper's repository saves its networks.
Named paper_like() {
  Named tensors = network(kTiny, "base.", "");
  tensors.emplace_back("base.fc.weight", ones({10, 32}));
  tensors.emplace_back("base.fc.bias", ones({10}));
  tensors.emplace_back("Embed.linear.weight", ones({16, 24}));
  return tensors;
}

Outcome fails(const TempFolder& folder, const Arguments& arguments, int code, const std::vector<std::string>& words) {
  const Outcome outcome = run_fledge(folder, arguments);
  INFO(outcome.err);
  CHECK(outcome.code == code);
  for (const auto& word : words) CHECK_THAT(outcome.err, Contains(word));
  return outcome;
}

}  // namespace

TEST_CASE("inspect: text, JSON, checksums", "[e2e]") {
  const TempFolder folder;
  write_torch(folder / "w.pth", {{"a.weight", from_vector<float>({1, 2, 3, 4}, {4})}, {"n", zeros({}, DType::Int64)}});
  const Outcome text = must(folder, {"inspect", "w.pth"});
  CHECK_THAT(text.out, Contains("zip archive, pickle protocol 2") && Contains("a.weight") && Contains("float32") &&
                           Contains("scalar") && Contains("collections.OrderedDict"));
  CHECK(text.err.empty());
  const auto json = nlohmann::json::parse(must(folder, {"inspect", "w.pth", "--json", "--checksums"}).out);
  CHECK(json["file"] == "w.pth");
  CHECK(json["container"] == "zip");
  CHECK(json["protocol"] == 2);
  CHECK(json["classes"] == nlohmann::json({"collections.OrderedDict", "torch.FloatStorage", "torch.LongStorage",
                                           "torch._utils._rebuild_tensor_v2"}));
  // printf '\0\0\200\77\0\0\0\100\0\0\100\100\0\0\200\100' | sha256sum
  CHECK(json["tensors"][0] ==
        nlohmann::json{{"name", "a.weight"},
                       {"dtype", "float32"},
                       {"shape", {4}},
                       {"sha256", "ad73b9acd6e4a74b2f5bb5386658ce3bb146cd040a1867646ab3b973fb6632b1"}});
  CHECK_FALSE(nlohmann::json::parse(must(folder, {"inspect", "w.pth", "--json"}).out)["tensors"][0].contains("sha256"));
  must(folder, {"inspect", "w.pth", "--strict"});
}

TEST_CASE("convert: dead tensors are listed, kept or dropped; the result is a model", "[e2e]") {
  const TempFolder folder;
  make_pictures(folder / "test", 2, 2, 28);
  write_torch(folder / "paper.pth", paper_like());
  const Arguments embed = {"embed", "--data", "test", "--size", "28", "--resize-short", "0", "--quiet", "--output"};
  must(folder, embed + Arguments{"direct", "--model", "paper.pth"});
  const Bytes direct = slurp(folder / "direct.npy");

  const Outcome kept = must(folder, {"convert", "paper.pth", "-o", "kept.safetensors"});
  CHECK_THAT(kept.err, Contains("base.fc.weight") && Contains("Embed.linear.weight") && Contains("--drop-dead"));
  CHECK_THAT(kept.out, Contains("kept.safetensors\tresnet18 width 0.0625, embedding 16"));
  const auto names = [&](const std::string& file) {
    std::set<std::string> all;
    for (const auto& [name, t] : load_safetensors(folder / file).tensors) all.insert(name);
    return all;
  };
  CHECK(names("kept.safetensors").count("Embed.linear.weight") == 1);
  CHECK(names("kept.safetensors").count("layer1.0.conv1.weight") == 1);
  must(folder, {"convert", "paper.pth", "-o", "dropped.safetensors", "--drop-dead"});
  CHECK(names("dropped.safetensors").size() + 3 == names("kept.safetensors").size());
  must(folder, {"convert", "kept.safetensors", "-o", "later.safetensors", "--drop-dead"});
  CHECK(names("later.safetensors") == names("dropped.safetensors"));
  must(folder, {"convert", "kept.safetensors", "-o", "back.pth"});
  for (const std::string file : {"kept.safetensors", "dropped.safetensors", "later.safetensors", "back.pth"}) {
    INFO(file);
    must(folder, embed + Arguments{"again", "--model", file});
    CHECK(slurp(folder / "again.npy") == direct);
  }
  const auto metadata = load_safetensors(folder / "dropped.safetensors").metadata;
  CHECK(metadata.at("arch") == "resnet18");
  CHECK(metadata.at("embedding") == "16");
  CHECK(metadata.at("input_normalize") == "imagenet");
  CHECK_THAT(metadata.at("converted_from"), Contains("paper.pth") && Contains("PyTorch"));
}

TEST_CASE("convert: names of torchvision on the way back, with the counters a file may lack", "[e2e]") {
  const TempFolder folder;
  Named tensors = network({.arch = "resnet18", .width = 0.0625, .embedding = 0, .classes = 5}, "module.", "");
  const std::size_t all = tensors.size();
  tensors.erase(std::remove_if(tensors.begin(), tensors.end(),
                               [](const auto& t) { return t.first.find("num_batches") != std::string::npos; }),
                tensors.end());
  write_torch(folder / "old.pth", tensors);
  must(folder, {"convert", "old.pth", "-o", "new.pth", "--quiet"});
  const auto json = nlohmann::json::parse(must(folder, {"inspect", "new.pth", "--json"}).out);
  CHECK(json["tensors"].size() == all);
  CHECK(json["tensors"][0]["name"] == "conv1.weight");
  CHECK(json["tensors"][all - 1]["name"] == "fc.bias");
  CHECK(json["tensors"][5]["name"] == "bn1.num_batches_tracked");
  CHECK(json["tensors"][5]["shape"].empty());
}

TEST_CASE("convert: what does not fit is refused and listed; nothing is written", "[e2e][errors]") {
  const TempFolder folder;
  Named tensors = network(kTiny, "", "");
  tensors.emplace_back("layer9.0.conv1.weight", ones({2, 2}));
  write_torch(folder / "more.pth", tensors);
  fails(folder, {"convert", "more.pth", "-o", "x.safetensors"}, 3, {"more.pth", "layer9.0.conv1.weight", "no place"});
  tensors.pop_back();
  tensors.erase(tensors.begin() + 7);
  write_torch(folder / "less.pth", tensors);
  fails(folder, {"convert", "less.pth", "-o", "x.safetensors"}, 3,
        {"less.pth", tensors[7].first.substr(0, 6), "missing"});
  write_torch(folder / "good.pth", network(kTiny, "", ""));
  fails(folder, {"convert", "good.pth", "-o", "x.safetensors", "--arch", "resnet50"}, 3, {"resnet50", "resnet18"});
  fails(folder, {"convert", "good.pth", "-o", "x.bin"}, 2, {"x.bin", ".safetensors"});
  fails(folder, {"convert", "good.pth"}, 2, {"-o"});
  fails(folder, {"convert", "none.pth", "-o", "x.safetensors"}, 3, {"none.pth"});
  fails(folder, {"convert", "good.pth", "-o", "no/x.safetensors"}, 4, {"no/x.safetensors"});
  fails(folder, {"convert", "good.pth", "-o", "x.safetensors", "--normalize", "nonsense"}, 2, {"nonsense"});
  CHECK_FALSE(std::filesystem::exists(folder / "x.safetensors"));

  must(folder, {"convert", "good.pth", "-o", "own.safetensors"});
  SafetensorsFile own = load_safetensors(folder / "own.safetensors");
  own.metadata["embedding"] = "8";  // which no tensor bears out
  save_safetensors(folder / "own.safetensors", own.tensors, own.metadata);
  fails(folder, {"convert", "own.safetensors", "-o", "x.pth"}, 3,
        {"as its metadata say: 'feat.weight' is of another shape"});

  Bytes damaged = slurp(folder / "good.pth");
  damaged[damaged.size() / 2] ^= 1;  // in the middle of some tensor
  spill(folder / "damaged.pth", damaged);
  spill(folder / "x.safetensors", std::string("what was there before"));
  fails(folder, {"convert", "damaged.pth", "-o", "x.safetensors"}, 3, {"damaged.pth", "checksum", "byte"});
  CHECK(text_of(folder / "x.safetensors") == "what was there before");
}

TEST_CASE("convert: maps, labels, raw tensors", "[e2e]") {
  const TempFolder folder;
  Named tensors = network(kTiny, "net.trunk.", "proj.");
  tensors.emplace_back("queue", ones({4, 4}));
  for (auto& [name, t] : tensors)
    if (name.rfind("proj.feat.", 0) == 0) name.erase(5, 5);
  write_torch(folder / "odd.pth", tensors);
  spill(folder / "map.txt", std::string("net.trunk. = base.   # the backbone\nproj. = feat.\nqueue =\n"));
  must(folder, {"convert", "odd.pth", "-o", "odd.safetensors", "--map", "map.txt"});  // dropped: not even kept as dead
  CHECK(load_safetensors(folder / "odd.safetensors").tensors.size() + 1 == tensors.size());
  spill(folder / "bad.txt", std::string("net.trunk. base.\n"));
  fails(folder, {"convert", "odd.pth", "-o", "x.safetensors", "--map", "bad.txt"}, 2, {"bad.txt:1"});

  write_torch(folder / "classes.pth",
              network({.arch = "resnet18", .width = 0.0625, .embedding = 0, .classes = 2}, "", ""));
  spill(folder / "names.txt", std::string("cat\ndog\n"));
  must(folder, {"convert", "classes.pth", "-o", "c.safetensors", "--labels", "names.txt"});
  CHECK(load_safetensors(folder / "c.safetensors").metadata.at("labels") == R"(["cat","dog"])");
  spill(folder / "names.txt", std::string("cat\n"));
  fails(folder, {"convert", "classes.pth", "-o", "x.safetensors", "--labels", "names.txt"}, 2,
        {"names.txt", "2 classes"});

  must(folder, {"convert", "odd.pth", "-o", "raw.safetensors", "--raw"});
  const auto raw = load_safetensors(folder / "raw.safetensors").tensors;
  REQUIRE(raw.size() == tensors.size());
  CHECK(raw.front().first == "net.trunk.conv1.weight");
}

TEST_CASE("a student can learn from a teacher in PyTorch's own file", "[e2e]") {
  const TempFolder folder;
  make_pictures(folder / "train", 3, 4, 28);
  make_pictures(folder / "test", 3, 4, 28, 1);
  write_torch(folder / "teacher.pth", paper_like());
  const Outcome outcome =
      must(folder, Arguments{"distill"} + tiny() +
                       Arguments{"--teacher", "teacher.pth", "--distill", "absolute", "--run", "run"});
  CHECK_FALSE(log_lines(folder / "run", "step").empty());
  must(folder, {"convert", "run", "-o", "student.pth"});  // a run's folder is its newest checkpoint's model
  const auto student = nlohmann::json::parse(must(folder, {"inspect", "student.pth", "--json"}).out);
  CHECK(student["tensors"] == nlohmann::json::parse(must(folder, {"inspect", "run", "--json"}).out)["tensors"]);
  fails(folder,
        Arguments{"distill"} + tiny() +
            Arguments{"--teacher", "teacher.pth", "--teacher-arch", "resnet34", "--distill", "absolute", "--run", "r2"},
        3, {"teacher.pth", "resnet34"});
  must(folder,
       Arguments{"train"} + tiny() + Arguments{"--weights", "teacher.pth", "--run", "warm", "--stem", "imagenet"});
}
