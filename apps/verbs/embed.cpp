// fledge embed: pictures to OUT.npy (N x D float32) and OUT.tsv (path, label), one row each in the same order.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "apps/common/config.h"
#include "apps/common/evaluate.h"
#include "apps/common/signals.h"
#include "apps/verbs/verbs.h"
#include "io/npy.h"
#include "io/table.h"
#include "kernels/api/error.h"

namespace fledge {
namespace {

struct EmbedVerbOptions {
  std::string model, output = "embeddings";
  bool pooled = false;
  EvalDataOptions data;
  MachineOptions machine;
};

int run_embed(const EmbedVerbOptions& o) {
  apply(o.machine);
  watch_signals();
  if (o.model.empty()) throw Error(ErrorKind::Usage, "", "no model", "name a run folder or model file with --model");
  if (o.data.data.empty()) throw Error(ErrorKind::Usage, "", "no pictures", "name a folder with --data");
  const auto folder = std::filesystem::path(o.output).parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder))  // said now, not after an hour of work
    throw Error(ErrorKind::Resource, "", "cannot write '" + o.output + ".npy': no folder '" + folder.string() + "'",
                "create it first");
  const LoadedModel loaded = load_model(o.model);
  EmbedOptions options;
  options.preprocessing = preprocessing_for(loaded.preprocessing, o.data);
  options.batch_size = o.data.batch_size;
  options.workers = o.data.workers;
  options.quiet = o.machine.quiet;
  options.pooled = o.pooled;
  const Embeddings e = embed_dataset(*loaded.model, open_dataset({o.data.data, o.data.classes}), options);
  save_npy(o.output + ".npy", e.vectors);
  save_table(o.output + ".tsv", {e.paths, e.label_names});
  std::printf("%s.npy\t%s\n%s.tsv\t%zu rows\n", o.output.c_str(), to_string(e.vectors.dims()).c_str(), o.output.c_str(),
              e.paths.size());
  return 0;
}

}  // namespace

RunVerb add_embed(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("embed", "Write the embeddings of pictures: OUTPUT.npy and OUTPUT.tsv.");
  verb->footer(
      help_footer("  fledge embed --model runs/relative --data cars/test --output cars\n"
                  "  fledge embed --model student.safetensors --data photos --output photos --threads 1\n"
                  "  fledge eval --embeddings cars.npy --table cars.tsv\n"));
  auto o = std::make_shared<EmbedVerbOptions>();
  add_config_flags(*verb);
  verb->add_option("--model", o->model, "run folder, checkpoint folder or model file")->group("Model");
  verb->add_flag("--pooled", o->pooled, "the pooled features instead of the head's embedding")->group("Model");
  bind_eval_data(*verb, o->data);
  verb->add_option("--output", o->output, "path without extension")->group("Output");
  bind_machine(*verb, o->machine);
  return [verb, o](const std::string&) {
    if (print_config_if_asked(*verb)) return 0;
    return run_embed(*o);
  };
}

}  // namespace fledge
