#include "train/spec/options.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/error.h"
#include "io/image/image.h"
#include "nn/models/registry.h"
#include "train/spec/architecture_help.h"
#include "train/spec/words.h"

namespace fledge {

void bind_pictures(Fields& f, PictureSpec& o) {
  f.group("Data");
  add_choice(f, "exif-rotate", o.exif_rotate,
             "turn pictures upright as their camera noted: auto (all but CUB, Cars and SOP), on, off")
      .before_it_was("off");
  f.add("max-image-pixels", o.max_pixels, "a picture of more pixels is a bad picture")
      .between(std::int64_t{1}, std::int64_t{1} << 31)
      .before_it_was("");
  f.add("max-image-side", o.max_side, "the same of a longer side, in pixels").between(1, 1 << 20).before_it_was("");
  f.add("max-image-mb", o.max_mb, "the same of one that takes more memory to decode, in MiB")
      .between(std::int64_t{1}, std::int64_t{1} << 20)
      .before_it_was("");
}

void apply(const PictureSpec& o) {
  set_exif_choice(o.exif_rotate);
  set_decode_limits({o.max_pixels, o.max_side, o.max_mb << 20});
}

void bind_machine(Fields& f, MachineSpec& o) {
  f.group("Machine");
  f.add("threads", o.threads, "compute threads, 0: one per core").between(0, 1024).free();
  f.add("device", o.device, "auto, cpu or cuda[:N]");
  add_word(f, "precision", o.precision,
           "f32 (strict), tf32 (on a GPU), bf16 (mixed: activations; weights, statistics, distances and losses stay "
           "f32), or on a CPU, of networks that do not learn, int16, int8 (products in whole numbers)")
      .before_it_was("f32")
      .for_teacher();
  add_choice(f, "deterministic", o.deterministic,
             "repeat: the same bits for the same number of threads; strict: for any number, somewhat slower "
             "(fledge bench says how much)")
      .before_it_was("repeat");
  add_choice(
      f, "autotune", o.autotune,
      "how the CPU's convolutions are chosen: off (by shape); quick, full (by the clock, at a problem's first use; "
      "kept for later runs of this build on this machine)")
      .before_it_was("off");
  f.add_switch("quiet", o.quiet, "no progress, only results and errors").free();
}

void bind_eval_data(Fields& f, EvalDataOptions& o) {
  f.group("Data");
  f.add("data", o.data, "folder with one folder a class, or fashion-mnist[:train|:test]");
  f.add("classes", o.classes, "only these classes, by rank of their sorted names: 0-4,7 (empty: all)");
  f.add("batch-size", o.batch_size, "pictures a batch").between(1, 4096);
  f.add("size", o.size, "side of the centre crop in pixels; 0: the model's own").between(0, 4096);
  f.add("resize-short", o.resize_short, "short side before the crop; 0: no resize, -1: the model's own")
      .between(-1, 8192);
  f.add("normalize", o.normalize, "imagenet, keras, half, or MEAN,MEAN,MEAN/STD,STD,STD; empty: the model's own");
  f.add("degrade", o.degrade,
        "make the pictures poor first: downsample=F,jpeg=Q,blur=S; none; empty: what the model was trained for");
  add_choice(f, "box", o.box, "cut pictures to their bounding boxes: on, off; empty: as the model was trained");
  f.add("workers", o.workers, "decoding threads; 0: none of their own").between(0, 256);
  add_choice(f, "on-bad-image", o.on_bad_image,
             "a picture that cannot be read: fail, or skip (left out, named and counted)");
  bind_pictures(f, o.pictures);
}

void bind_model(Fields& f, ModelSpec& spec, std::string& weights) {
  f.group("Model");
  f.add("arch", spec.arch, arch_help()).checked_by([](const std::string& name) { architecture(name); });
  f.add("width", spec.width, width_help());
  f.add("embedding", spec.embedding, "size of the embedding; 0: the pooled features, no head").between(0, 65536);
  f.add("unit-embedding", spec.normalize, "embeddings of unit length (false: as the head gives them, as RKD's)");
  f.add("stem", spec.stem, "imagenet (about 224 px) or small (28-96 px)");
  f.add("conventions", spec.variant, variant_help());
  f.add("weights", weights, "weight file with backbone weights to start from: safetensors, or PyTorch's");
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
