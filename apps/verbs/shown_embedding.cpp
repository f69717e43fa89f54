#include "apps/verbs/shown_embedding.h"

#include <cstdio>

#include "apps/cli/progress.h"

namespace fledge {

void say_notes(const std::vector<std::string>& notes, bool quiet, const std::string& who) {
  if (quiet) return;
  for (const std::string& note : notes) std::fprintf(stderr, "%s%s\n", who.c_str(), note.c_str());
}

LoadedModel load_shown(const std::string& path, const ExternalOptions& external, bool quiet, const std::string& who) {
  LoadedModel loaded = load_model(path, external);
  say_notes(loaded.notes, quiet, who);
  return loaded;
}

Embeddings embed_shown(EmbeddingModel& model, const std::shared_ptr<Dataset>& dataset, EmbedOptions options, bool quiet,
                       const std::string& bar) {
  for (const std::string& text : preparation_warnings(options.preprocessing, *dataset))
    std::fprintf(stderr, "warning: %s\n", text.c_str());
  options.progress = progress_bar(bar, quiet);
  model.to(options.compute.device);
  model.keep_folded_weights_alone();
  return embed_dataset(model, dataset, options);
}

void say_skipped(const std::string& what, const SkippedPictures& skipped) {
  if (const std::string text = skipped_text(what, skipped); !text.empty()) std::fprintf(stderr, "%s\n", text.c_str());
}

}  // namespace fledge
