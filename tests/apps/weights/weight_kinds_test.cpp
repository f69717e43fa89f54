// Weight files of the kinds that people have: averaged beside plain weights, models in several files, a config.json
// beside them, layers without a bias. Made here; and the shared cases of the same kinds (cases/README.md).
#include <catch2/catch.hpp>
#include <map>

#include "io/checkpoint/safetensors.h"
#include "nn/models/model.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "tests/apps/runner.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

NamedTensors network(const ModelSpec& spec, unsigned seed, const std::string& prefix) {
  NamedTensors tensors;
  for (const auto& [name, t] : state_dict(EmbeddingModel(spec, seed))) tensors.emplace_back(prefix + name, t);
  return tensors;
}

const ModelSpec kClasses{.arch = "resnet18", .width = 0.0625, .embedding = 0, .classes = 5};

void save(const std::string& path, const NamedTensors& tensors) { save_safetensors(path, tensors, {{"format", "pt"}}); }

std::map<std::string, std::vector<float>> values(const std::string& path) {
  std::map<std::string, std::vector<float>> all;
  for (const auto& [name, t] : load_safetensors(path).tensors)
    if (t.dtype() == DType::Float32) all[name] = t.contiguous().to_vector<float>();
  return all;
}

Outcome convert(const TempFolder& folder, const Arguments& more) {
  return must(folder, Arguments{"convert", "-o", "out.safetensors"} + more);
}

/// A shared case; empty, with a word, where the shared folder is absent.
std::string shared_case(const std::string& name) {
  const std::string path = shared_folder("cases/" + name);
  if (path.empty()) WARN("skipped: no shared case " << name << " (set FLEDGE_SHARED)");
  return path;
}

}  // namespace

TEST_CASE("weights in whole numbers, quantised ones, are refused by name", "[e2e]") {
  const TempFolder folder;
  make_pictures(folder / "test", 2, 2, 28, 1);
  for (const std::string name : {"layer1.0.conv1.weight", "bn1.running_var"}) {
    NamedTensors tensors = network(kClasses, 1, "");
    for (auto& [own, t] : tensors)
      if (own == name) t = t.to(DType::Int32);
    save(folder / "q.safetensors", tensors);
    for (const Arguments& run : {Arguments{"convert", "q.safetensors", "-o", "out.safetensors"},
                                 Arguments{"embed", "--model", "q.safetensors", "--data", "test", "--output", "o"}}) {
      const Outcome o = run_fledge(folder, run);
      CHECK(o.code == 3);
      CHECK_THAT(o.err, Contains("tensor '" + name + "' holds whole numbers"));
    }
  }
}

TEST_CASE("convert: a checkpoint with plain and averaged weights", "[e2e]") {
  const TempFolder folder;
  save(folder / "plain.safetensors", network(kClasses, 1, ""));
  save(folder / "averaged.safetensors", network(kClasses, 2, ""));
  convert(folder, {"plain.safetensors"});
  const auto plain = values(folder / "out.safetensors");
  convert(folder, {"averaged.safetensors"});
  const auto averaged = values(folder / "out.safetensors");
  REQUIRE(plain != averaged);
  const std::pair<std::string, std::string> places[] = {
      {"model.", "model_ema.module."}, {"", "ema."}, {"net.", "ema_model.net."}, {"state.", "swa_state_dict."}};
  for (const auto& [here, there] : places) {
    CAPTURE(there);
    NamedTensors both = network(kClasses, 1, here);
    for (const auto& t : network(kClasses, 2, there)) both.push_back(t);
    both.emplace_back(there.substr(0, there.find('.')) + ".n_averaged", zeros({}, DType::Int64));
    save(folder / "both.safetensors", both);
    const Outcome first = convert(folder, {"both.safetensors"});
    CHECK_THAT(first.err, Contains("the file holds two sets") && Contains("taken: the plain ones (--ema takes"));
    CHECK(values(folder / "out.safetensors") == plain);
    const Outcome second = convert(folder, {"both.safetensors", "--ema"});
    CHECK_THAT(second.err, Contains("taken: the averaged ones"));
    CHECK(values(folder / "out.safetensors") == averaged);
  }
  NamedTensors alone = network(kClasses, 2, "ema.");
  save(folder / "alone.safetensors", alone);
  CHECK_THAT(convert(folder, {"alone.safetensors"}).err, Contains("the only ones in the file"));
  CHECK(values(folder / "out.safetensors") == averaged);
  const Outcome none = run_fledge(folder, {"convert", "plain.safetensors", "-o", "x.safetensors", "--ema"});
  CHECK(none.code == 2);
  CHECK_THAT(none.err, Contains("holds no averaged weights"));
}

TEST_CASE("convert: a head without a bias gets one of zeros, a loss's layer is none", "[e2e]") {
  const TempFolder folder;
  NamedTensors tensors = network({.arch = "resnet18", .width = 0.0625, .embedding = 8}, 1, "");
  std::erase_if(tensors, [](const auto& t) { return t.first == "feat.bias"; });
  tensors.emplace_back("criterion.weight", ones({7, 32}));
  save(folder / "w.safetensors", tensors);
  const Outcome outcome = convert(folder, {"w.safetensors"});
  CHECK_THAT(outcome.err, Contains("without a bias (taken as 0)"));
  const auto out = values(folder / "out.safetensors");
  CHECK(out.at("feat.bias") == std::vector<float>(8, 0.0f));
  make_pictures(folder / "test", 2, 2, 28);
  for (const std::string model : {"w.safetensors", "out.safetensors"})
    must(folder, {"embed", "--model", model, "--data", "test", "--size", "28", "--resize-short", "0", "--quiet",
                  "--output", "e-" + model.substr(0, 1)});
  CHECK(slurp(folder / "e-w.npy") == slurp(folder / "e-o.npy"));
}

TEST_CASE("a config.json beside the weights says how pictures are prepared", "[e2e]") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "hub");
  save(folder / "hub/model.safetensors", network(kClasses, 1, ""));
  const auto metadata = [&](const std::string& config, const std::string& word) {
    spill(folder / "hub/config.json", config);
    CHECK_THAT(convert(folder, {"hub"}).err, Contains(word));
    return load_safetensors(folder / "out.safetensors").metadata;
  };
  const auto said = [&](std::map<std::string, std::string> m) {
    return m["input_normalize"] + " " + m["size"] + " " + m["resize_short"];
  };
  CHECK(said(metadata(R"({"architecture": "resnet18", "pretrained_cfg": {"mean": [0.5, 0.5, 0.5],
      "std": [0.5, 0.5, 0.5], "input_size": [3, 288, 288], "crop_pct": 0.95, "interpolation": "bicubic"}})",
                      "std 0.5 0.5 0.5, size 288, short side 303, as config.json says")) == "half 288 303");
  CHECK(said(metadata(R"({"architecture": "resnet18", "mean": [0.481, 0.457, 0.408], "std": [0.268, 0.261, 0.275],
      "input_size": [3, 160, 160]})",
                      "size 160, short side 182")) == "0.481,0.457,0.408/0.268,0.261,0.275 160 182");
  CHECK(said(metadata(R"({"architecture": "vit_tiny", "mean": [0, 0, 0], "std": [1, 1, 1]})",
                      "not used: it is about 'vit_tiny'")) == "imagenet 224 256");
  CHECK(said(metadata("{\"a\": ", "config.json beside the weights is not used")) == "imagenet 224 256");
  CHECK(said(metadata("{\"lr\": 0.1, \"size\": 3}", "network: ")) == "imagenet 224 256");
  // What fledge does otherwise is said.
  metadata(R"({"architecture": "resnet18", "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
      "input_size": [3, 288, 288], "crop_mode": "squash"}})",
           "warning: config.json says crop_mode \"squash\", which fledge does not do");
  for (const std::string& other : {R"("global_pool": "max")", R"("model_args": {"act_layer": "silu"})"})
    metadata(R"({"architecture": "resnet18", )" + other +
                 R"(, "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}})",
             "which fledge does not follow: its embeddings are those of the usual network");
  spill(folder / "hub/preprocessor_config.json",
        std::string(R"({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": 224, "do_rescale": false,
      "resample": 3, "rescale_factor": 0.00784})"));
  metadata(R"({"model_type": "resnet"})", "warning: preprocessor_config.json says do_rescale false, resample 3, which");
  metadata(R"({"model_type": "resnet"})", "says rescale_factor 0.00784, which fledge does not do");
  spill(folder / "hub/preprocessor_config.json",
        std::string(R"({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": 224, "do_rescale": true,
      "resample": 2, "rescale_factor": 0.00392156862745098})"));
  metadata(R"({"model_type": "resnet"})", "as preprocessor_config.json says");
  CHECK_THAT(convert(folder, {"hub"}).err, !Contains("which fledge does not do"));
  std::filesystem::remove(folder / "hub/preprocessor_config.json");
  // Numbers that the config names can be said by hand, and are used.
  make_pictures(folder / "test", 2, 2, 28);
  const Arguments embed = {"embed", "--data", "test", "--quiet", "--output"};
  metadata(R"({"architecture": "resnet18", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4],
      "input_size": [3, 32, 32], "crop_pct": 1.0})",
           "size 32, short side 32");
  must(folder, embed + Arguments{"a", "--model", "hub/model.safetensors"});
  std::filesystem::remove(folder / "hub/config.json");
  must(folder, embed + Arguments{"b", "--model", "hub", "--size", "32", "--resize-short", "32", "--normalize",
                                 "0.4,0.5,0.6/0.2,0.3,0.4"});
  must(folder, embed + Arguments{"c", "--model", "hub", "--size", "32", "--resize-short", "32"});
  CHECK(slurp(folder / "a.npy") == slurp(folder / "b.npy"));
  CHECK(slurp(folder / "a.npy") != slurp(folder / "c.npy"));
}

TEST_CASE("a config.json of nonsense is refused", "[e2e][errors]") {
  const TempFolder folder;
  save(folder / "model.safetensors", network(kClasses, 1, ""));
  const std::pair<std::string, std::string> wrong[] = {
      {R"("mean": [0.5, 0.5], "std": [1, 1, 1])", "mean"},
      {R"("mean": [0.5, 0.5, 0.5], "std": [0.5, 0, 0.5])", "std"},
      {R"("mean": [0.5, 0.5, "x"], "std": [1, 1, 1])", "mean"},
      {R"("mean": [1e999, 0, 0], "std": [1, 1, 1])", ""},
      {R"("mean": [0, 0, 0])", "std"},
      {R"("mean": [0, 0, 0], "std": [1, 1, 1], "input_size": [3, 224, 225])", "input_size"},
      {R"("mean": [0, 0, 0], "std": [1, 1, 1], "input_size": [3, 1000000000, 1000000000])", "input_size"},
      {R"("mean": [0, 0, 0], "std": [1, 1, 1], "input_size": [3, 224, 224], "crop_pct": 1e-9)", "crop_pct"},
      {R"("mean": {"a": 1}, "std": [1, 1, 1])", "mean"}};
  for (const auto& [text, key] : wrong) {
    CAPTURE(text);
    spill(folder / "config.json", "{\"pretrained_cfg\": {" + text + "}}");
    const Outcome outcome = run_fledge(folder, {"convert", "model.safetensors", "-o", "x.safetensors"});
    if (key.empty()) {  // no JSON number: the file is not used
      CHECK(outcome.code == 0);
      continue;
    }
    CHECK(outcome.code == 3);
    CHECK_THAT(outcome.err, Contains("config.json") && Contains("\"" + key + "\""));
  }
  spill(folder / "config.json", std::string(2 << 20, ' '));
  CHECK_THAT(convert(folder, {"model.safetensors"}).err, Contains("config.json beside the weights is not used"));
}

TEST_CASE("a model in shards is opened by its index; a shard alone names it", "[e2e]") {
  const TempFolder folder;
  const NamedTensors all = network(kClasses, 1, "");
  const NamedTensors first(all.begin(), all.begin() + 40), second(all.begin() + 40, all.end());
  std::filesystem::create_directory(folder / "m");
  save(folder / "m/model-00001-of-00002.safetensors", first);
  save(folder / "m/model-00002-of-00002.safetensors", second);
  std::string map;
  for (std::size_t i = 0; i < all.size(); ++i)
    map += (i ? ",\"" : "\"") + all[i].first + "\":\"model-0000" + (i < 40 ? "1" : "2") + "-of-00002.safetensors\"";
  spill(folder / "m/model.safetensors.index.json", "{\"weight_map\":{" + map + "}}");
  save(folder / "whole.safetensors", all);
  convert(folder, {"whole.safetensors"});
  const auto whole = values(folder / "out.safetensors");
  for (const std::string path : {"m/model.safetensors.index.json", "m"}) {
    convert(folder, {path});
    CHECK(values(folder / "out.safetensors") == whole);
  }
  CHECK_THAT(must(folder, {"inspect", "m/model.safetensors.index.json"}).out, Contains("in 2 shards"));
  for (const std::string part : {"1", "2"}) {
    const Outcome outcome =
        run_fledge(folder, {"convert", "m/model-0000" + part + "-of-00002.safetensors", "-o", "x.safetensors"});
    CHECK(outcome.code == 3);
    CHECK_THAT(outcome.err, Contains("is shard " + part + " of 2") && Contains("'m/model.safetensors.index.json'"));
  }
}

TEST_CASE("cases: loss layers, necks, names, stacks", "[e2e]") {
  const TempFolder folder;
  if (const std::string path = shared_case("w_lightning/softmax_loss_layer.ckpt"); !path.empty()) {
    const Outcome outcome = convert(folder, {path});
    CHECK_THAT(outcome.out, Contains("no head, 10 classes"));
    CHECK_THAT(outcome.err, Contains("classifier: 'model.fc'") && Contains("criterion.weight"));
  }
  if (const std::string path = shared_case("w_bnneck/bnneck.pth"); !path.empty()) {
    const Outcome outcome = convert(folder, {path});
    CHECK_THAT(outcome.err, Contains("a classifier without bias: 'classifier'") && Contains("(BNNeck), 'bottleneck'"));
  }
  if (const std::string path = shared_case("w_hf/resnet-18"); !path.empty()) {
    CHECK_THAT(convert(folder, {path}).err, Contains("names: Hugging Face's ResNet"));
    const auto read = values(folder / "out.safetensors");
    convert(folder, {path + "/model.safetensors", "--map", shared_case("w_hf/resnet18.map")});
    CHECK(values(folder / "out.safetensors") == read);
  }
  if (const std::string path = shared_case("w_hf/timm_hub"); !path.empty())
    CHECK_THAT(convert(folder, {path}).err, Contains("size 288, short side 303, as config.json says"));
  if (const std::string path = shared_case("w_moco/moco_v2_q_only.pth.tar"); !path.empty()) {
    const Outcome refused = run_fledge(folder, {"convert", path, "-o", "x.safetensors"});
    CHECK(refused.code == 3);
    CHECK_THAT(refused.err, Contains("'module.encoder_q.fc. ='"));
    spill(folder / "hint.map", std::string("module.encoder_q.fc. =\n"));
    convert(folder, {path, "--map", "hint.map"});
    CHECK_THAT(convert(folder, {path, "--map", shared_case("w_moco/drop.map")}).err,
               Contains("the map drops what is not there"));
  }
}

TEST_CASE("cases: two sets of weights, shards", "[e2e]") {
  const TempFolder folder;
  if (const std::string path = shared_case("w_ema/timm_both.pth.tar"); !path.empty()) {
    CHECK_THAT(convert(folder, {path}).err, Contains("two sets, plain and averaged ('state_dict_ema')"));
    const auto plain = values(folder / "out.safetensors");
    convert(folder, {path, "--ema"});
    const auto averaged = values(folder / "out.safetensors");
    CHECK(averaged != plain);
    convert(folder, {path, "--raw"});
    CHECK(values(folder / "out.safetensors").at("state_dict_ema.conv1.weight") == averaged.at("conv1.weight"));
  }
  if (const std::string path = shared_case("w_sharded/m"); !path.empty()) {
    CHECK_THAT(convert(folder, {path + "/model.safetensors.index.json"}).out, Contains("122 tensors"));
    const Outcome shard =
        run_fledge(folder, {"convert", path + "/model-00001-of-00002.safetensors", "-o", "x.safetensors"});
    CHECK(shard.code == 3);
    CHECK_THAT(shard.err, Contains("model.safetensors.index.json"));
  }
}
