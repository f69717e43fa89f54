#include "apps/common/options.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "kernels/api/error.h"

namespace fledge {

void bind_machine(CLI::App& verb, MachineOptions& o) {
  verb.add_option("--threads", o.threads, "compute threads, 0: one per core")
      ->check(CLI::Range(0, 1024))
      ->group("Machine");
  verb.add_option("--device", o.device, "auto, cpu or cuda[:N]")->group("Machine");
  verb.add_option("--precision", o.precision,
                  "on a GPU: f32 (strict), tf32, or bf16 (mixed; weights, statistics, distances and losses stay f32)")
      ->group("Machine");
  verb.add_option("--deterministic", o.deterministic,
                  "repeat: the same bits for the same number of threads; strict: for any number, somewhat slower "
                  "(fledge bench says how much)")
      ->check(CLI::IsMember({"repeat", "strict"}))
      ->group("Machine");
  verb.add_flag("--quiet", o.quiet, "no progress, only results and errors")->group("Machine");
}

void bind_eval_data(CLI::App& verb, EvalDataOptions& o) {
  verb.add_option("--data", o.data, "folder with one folder a class, or fashion-mnist[:train|:test]")->group("Data");
  verb.add_option("--classes", o.classes, "only these classes, by rank of their sorted names: 0-4,7 (empty: all)")
      ->group("Data");
  verb.add_option("--batch-size", o.batch_size, "pictures a batch")->check(CLI::Range(1, 4096))->group("Data");
  verb.add_option("--size", o.size, "side of the centre crop in pixels; 0: the model's own")
      ->check(CLI::Range(0, 4096))
      ->group("Data");
  verb.add_option("--resize-short", o.resize_short, "short side before the crop; 0: no resize, -1: the model's own")
      ->check(CLI::Range(-1, 8192))
      ->group("Data");
  verb.add_option("--normalize", o.normalize, "imagenet, keras, half, or MEAN,MEAN,MEAN/STD,STD,STD; empty: the model's own")->group("Data");
  verb.add_option(
          "--degrade", o.degrade,
          "make the pictures poor first: downsample=F,jpeg=Q,blur=S; none; empty: what the model was trained for")
      ->group("Data");
  verb.add_option("--box", o.box, "cut pictures to their bounding boxes: on, off; empty: as the model was trained")
      ->check(CLI::IsMember({"", "on", "off"}))
      ->group("Data");
  verb.add_option("--workers", o.workers, "decoding threads; 0: none of their own")
      ->check(CLI::Range(0, 256))
      ->group("Data");
  verb.add_option("--on-bad-image", o.on_bad_image,
                  "a picture that cannot be read: fail, or skip (left out, named and counted)")
      ->check(CLI::IsMember({"fail", "skip"}))
      ->group("Data");
  bind_pictures(verb, o.pictures);
}

void bind_model(CLI::App& verb, ModelSpec& spec, std::string& weights) {
  std::string archs;
  for (const auto& name : model_names()) archs += (archs.empty() ? "" : ", ") + name;
  verb.add_option("--arch", spec.arch, archs)->group("Model");
  verb.add_option("--width", spec.width,
                  "width multiplier: MobileNet 0.25, 0.5, 0.75, 1; ResNets scale their 64 channels")
      ->group("Model");
  verb.add_option("--embedding", spec.embedding, "size of the embedding; 0: the pooled features, no head")
      ->check(CLI::Range(0, 65536))
      ->group("Model");
  verb.add_option("--unit-embedding", spec.normalize,
                  "embeddings of unit length (false: as the head gives them, as RKD's)")
      ->group("Model");
  verb.add_option("--stem", spec.stem, "imagenet (about 224 px) or small (28-96 px)")->group("Model");
  verb.add_option(
          "--conventions", spec.conventions,
          "torch; MobileNet also torch-relu6 (timm's) and keras (padding right/bottom, ReLU6, eps 1e-3); ResNet-50 "
          "and deeper also stride-1x1 (He et al. as published)")
      ->group("Model");
  verb.add_option("--weights", weights, "weight file with backbone weights to start from: safetensors, or PyTorch's")
      ->group("Model");
}

std::vector<std::int64_t> parse_counts(const std::string& text, const std::string& flag) {
  std::vector<std::int64_t> values;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    std::size_t used = 0;
    std::int64_t v = 0;
    try {
      v = std::stoll(part, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used == 0 || used != part.size() || v < 1)
      throw Error(ErrorKind::Usage, "", flag + ": '" + part + "' is no positive whole number",
                  "write e.g. " + flag + " 1,2,4,8");
    values.push_back(v);
  }
  return values;
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), seed);
    const bool whole = error == std::errc() && end == part.data() + part.size();
    if (!whole || std::find(seeds.begin(), seeds.end(), seed) != seeds.end())
      throw Error(ErrorKind::Usage, "", "--seeds: '" + part + (whole ? "' is there twice" : "' is no whole number"),
                  "write e.g. --seeds 0,1,2");
    seeds.push_back(seed);
  }
  return seeds;
}

}  // namespace fledge
