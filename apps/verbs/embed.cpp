// fledge embed: pictures to OUT.npy (N x D float32) and OUT.tsv (path, label, content), one row each in the same order,
// with what wrote them in OUT.index.json; or tensors that are prepared already to OUT.npy.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "apps/cli/output_files.h"
#include "apps/index/search_index.h"
#include "apps/verbs/shown_embedding.h"
#include "apps/verbs/verbs.h"
#include "base/error.h"
#include "data/datasets/layouts.h"
#include "io/npy.h"
#include "train/compute.h"
#include "train/evaluation/evaluate.h"

namespace fledge {
namespace {

struct EmbedVerbOptions {
  std::string model, input, output = "embeddings";
  bool pooled = false, logits = false;
  ExternalOptions external;
  EvalDataOptions data;
  MachineSpec machine;
};

/// FILE.npy, or a tensor of a weight file: FILE.safetensors:NAME (NAME: "input" when left out).
Tensor read_input(const std::string& path) {
  if (path.size() > 4 && path.compare(path.size() - 4, 4, ".npy") == 0) return load_npy(path);
  const std::size_t colon = path.rfind(':');
  const bool named = colon != std::string::npos && !std::filesystem::exists(path);
  const std::string name = named ? path.substr(colon + 1) : "input";
  const WeightFile file(named ? path.substr(0, colon) : path);
  for (const StoredTensor& t : file.tensors())
    if (t.name == name) return file.load(t);
  throw Error(ErrorKind::BadInput, "", "'" + file.path() + "' has no tensor '" + name + "'",
              "name one with FILE:NAME; 'fledge inspect' lists them");
}

int embed_input(const EmbedVerbOptions& o, const LoadedModel& loaded, Output output) {
  const Tensor images = read_input(o.input).to(DType::Float32);
  if (images.rank() != 4)
    throw Error(ErrorKind::BadInput, "", "'" + o.input + "' is " + to_string(images.dims()) + ", not N,3,H,W");
  require_finite_rows(images, "'" + o.input + "'", {}, ErrorKind::BadInput,
                      "a network takes numbers only; look at how the file was made");
  const Compute compute = compute_of(o.machine);
  loaded.model->to(compute.device);
  loaded.model->keep_folded_weights_alone();
  Tensor all;
  for (std::int64_t at = 0; at < images.dim(0); at += o.data.batch_size) {
    const std::int64_t count = std::min<std::int64_t>(o.data.batch_size, images.dim(0) - at);
    const Tensor batch = images.slice(0, at, count).to(compute.device).to(compute.activations);
    const Tensor rows = run_model(*loaded.model, batch, output);
    if (!all.defined()) all = Tensor::empty({images.dim(0), rows.dim(1)});
    all.slice(0, at, count).copy_from(rows);
  }
  if (!all.defined()) throw Error(ErrorKind::BadInput, "", "'" + o.input + "' holds no pictures");
  require_finite_rows(all, "the output", {}, ErrorKind::Numeric,
                      "weights and input are finite, but the network's sums are not: use another checkpoint or input");
  save_npy(o.output + ".npy", all);
  std::printf("%s.npy\t%s\n", o.output.c_str(), to_string(all.dims()).c_str());
  return 0;
}

int run_embed(const EmbedVerbOptions& o) {
  apply(o.machine);
  apply(o.data.pictures);
  if (o.model.empty()) throw Error(ErrorKind::Usage, "", "no model", "name a run folder or model file with --model");
  if (o.data.data.empty() == o.input.empty())
    throw Error(ErrorKind::Usage, "", o.input.empty() ? "no pictures" : "--data and --input both name pictures",
                o.input.empty() ? "name a folder with --data" : "give one of them");
  refuse_input_as_output(o.output + ".npy", {o.input});
  if (o.pooled && o.logits)
    throw Error(ErrorKind::Usage, "", "--pooled and --logits cannot both be had", "run it twice");
  prepare_output(o.output);  // said now, not after an hour of work
  const LoadedModel loaded = load_shown(o.model, o.external, o.machine.quiet);
  const Output output = o.pooled ? Output::Pooled : o.logits ? Output::Logits : Output::Embedding;
  if (!o.input.empty()) return embed_input(o, loaded, output);
  EmbedOptions options = embed_options(loaded.preprocessing, o.data, o.machine);
  options.output = output;
  const auto dataset = open_dataset({o.data.data, o.data.classes});
  refuse_input_as_output(o.output + ".tsv", {parse_source(o.data.data).path});
  const IndexInfo info = index_info(loaded, options, o.data, o.machine);  // which needs the weights as they are
  Embeddings e = embed_shown(*loaded.model, dataset, options, o.machine.quiet);
  say_skipped("pictures", e.skipped);
  Contents contents(dataset);
  identify(e, contents, o.data.workers);
  save_embeddings(o.output, {o.output, e.vectors, e.paths, e.label_names, e.contents, info});
  std::printf("%s.npy\t%s\n%s.tsv\t%zu rows\n", o.output.c_str(), to_string(e.vectors.dims()).c_str(), o.output.c_str(),
              e.paths.size());
  return 0;
}

}  // namespace

Verb embed_verb() {
  Verb verb("embed", "Write the embeddings of pictures: OUTPUT.npy and OUTPUT.tsv.",
            "  fledge embed --model runs/relative --data cars/test --output cars\n"
            "  fledge embed --model student.safetensors --data photos --output photos --threads 1\n"
            "  fledge embed --model resnet18.pth --input batch.npy --logits --output logits\n",
            true);
  Fields& f = verb.fields;
  auto o = std::make_shared<EmbedVerbOptions>();
  f.group("Model");
  f.add("model", o->model, "run folder, checkpoint folder, model file, or any PyTorch weight file");
  f.add_switch("pooled", o->pooled, "the pooled features, L2-normalised, instead of the head's embedding");
  f.add_switch("logits", o->logits, "the classifier's scores instead, for networks that have one");
  bind_external(f, o->external, "", "Model");
  bind_eval_data(f, o->data);
  f.group("Data");
  f.add("input", o->input,
        "instead of --data: N,3,H,W numbers as the network takes them, FILE.npy or FILE.safetensors[:NAME]");
  f.group("Output");
  f.add("output", o->output, "path without extension");
  bind_machine(f, o->machine);
  verb.run = [o](const Verb& verb, const std::string&) {
    if (!o->input.empty())
      refuse_passed_over(verb, "of --input, whose numbers the network takes as they are",
                         [](const std::string& group, const std::string& name) {
                           return group == "Data" && name != "input" && name != "batch-size" && name != "workers";
                         });
    return run_embed(*o);
  };
  return verb;
}

}  // namespace fledge
