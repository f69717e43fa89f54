// fledge eval: retrieval metrics of a model on pictures, of two models against each other, of stored embeddings, or of
// finished runs side by side.
#include <cstdio>
#include <map>
#include <memory>

#include "apps/cli/output_files.h"
#include "apps/index/search_index.h"
#include "apps/verbs/eval_measure.h"
#include "apps/verbs/shown_embedding.h"
#include "apps/verbs/stored_metrics.h"
#include "apps/verbs/verbs.h"
#include "base/error.h"
#include "data/identity/similar_names.h"
#include "io/folder.h"
#include "io/table.h"
#include "nn/state_dict.h"
#include "train/compute.h"
#include "train/evaluation/evaluate.h"
#include "train/training_overlap.h"

namespace fledge {
namespace {

/// Stored embeddings and what wrote them.
struct Stored {
  Embeddings embeddings;
  std::optional<IndexInfo> info;
  std::string name;
};

void warn_of_similar(const std::vector<std::string>& names) {
  if (const std::string text = similar_names(names); !text.empty()) std::fprintf(stderr, "warning: %s\n", text.c_str());
}

Stored read_embeddings(const std::string& vectors, const std::string& table, const std::string& flag) {
  if (table.empty())
    throw Error(ErrorKind::Usage, "", "--" + flag + "embeddings needs its table",
                "name the .tsv with --" + flag + "table (fledge embed writes both)");
  StoredEmbeddings s = load_embeddings(vectors, table);
  Embeddings e;
  e.vectors = s.vectors;
  e.root = s.pictures().root;
  warn_of_similar(s.labels);
  e.paths = std::move(s.paths), e.label_names = std::move(s.labels), e.contents = std::move(s.contents);
  return {std::move(e), s.info, s.name};
}

// Labels are compared by name, so that two data sets or tables agree on what a class is.
void number_labels(Embeddings& a, Embeddings& b) {
  std::map<std::string, std::int64_t> numbers;
  for (Embeddings* e : {&a, &b}) {
    e->labels.clear();
    for (const auto& name : e->label_names)
      e->labels.push_back(numbers.emplace(name, static_cast<std::int64_t>(numbers.size())).first->second);
  }
}

LoadedModel model_of(const EvalOptions& o) {
  if (!o.model.empty()) return load_shown(o.model, o.external, o.machine.quiet);
  LoadedModel loaded;
  loaded.model = std::make_shared<EmbeddingModel>(o.spec, 0);
  if (!o.weights.empty()) say_notes({load_backbone_weights(*loaded.model, o.weights, o.external)}, o.machine.quiet);
  loaded.model->eval();
  loaded.model->set_requires_grad(false);
  loaded.preprocessing.normalize = resolve_normalize("auto", o.spec);
  return loaded;
}

/// One number in two spellings on the two sides would be two classes. Names of one side alone were looked at with it.
void check_labels(const EvalOptions& o, const Embeddings& query, const Embeddings& gallery) {
  std::vector<std::string> both = query.label_names;
  both.insert(both.end(), gallery.label_names.begin(), gallery.label_names.end());
  if (similar_names(query.label_names).empty() && similar_names(gallery.label_names).empty()) warn_of_similar(both);
  const auto name = [](const std::string& table, const std::string& data) { return table.empty() ? data : table; };
  refuse_doubled_numbers(
      {{name(o.table, o.data.data), &query.label_names}, {name(o.gallery_table, o.gallery), &gallery.label_names}});
}

/// The same in a gallery of other pictures, whose numbers may be of another type.
int print_metrics_in(const EvalOptions& o, const std::string& name, Embeddings query, Embeddings gallery) {
  check_labels(o, query, gallery);
  if (query.vectors.dim(1) != gallery.vectors.dim(1))
    throw Error(ErrorKind::BadInput, "",
                "embeddings of " + std::to_string(query.vectors.dim(1)) + " numbers cannot be sought in '" +
                    o.gallery_embeddings + "', which has " + std::to_string(gallery.vectors.dim(1)) + " a row",
                "write both with the same model");
  number_labels(query, gallery);
  if (query.vectors.dtype() != gallery.vectors.dtype())
    for (Embeddings* e : {&query, &gallery}) e->vectors = e->vectors.to(DType::Float64);
  return print_metrics(o, name, query, Gallery{&gallery, false});
}

std::int64_t size_of_output(const EvalOptions& o, const EmbeddingModel& model) {
  return o.pooled ? model.backbone().feature_size() : model.embedding_size();
}

LoadedModel gallery_model_of(const EvalOptions& o, const LoadedModel& query) {
  if (o.gallery_model.empty()) return query;
  const LoadedModel loaded = load_shown(o.gallery_model, o.gallery_external, o.machine.quiet, "gallery: ");
  const std::int64_t ours = size_of_output(o, *query.model), theirs = size_of_output(o, *loaded.model);
  if (ours != theirs)
    throw Error(ErrorKind::Usage, "",
                "the query model's embeddings have " + std::to_string(ours) + " numbers, the gallery model's (" +
                    o.gallery_model + ") " + std::to_string(theirs),
                "they must agree: train the student with the teacher's --embedding and an absolute loss");
  return loaded;
}

/// The embeddings of pictures, and who they are. `tested`: these are what the figures are about.
Embeddings embed(const EvalOptions& o, EmbeddingModel& model, const DatasetSpec& spec, const EmbedOptions& options,
                 bool tested) {
  const std::shared_ptr<Dataset> dataset = open_dataset(spec);
  Embeddings e = embed_shown(model, dataset, options, o.machine.quiet, tested ? "embed" : "embed gallery");
  Contents contents(dataset);
  identify(e, contents, o.data.workers);
  e.root = root_of(spec.source);
  if (!tested || o.model.empty()) return e;
  const Overlap trained = training_overlap(o.model, contents, o.data.workers);
  if (const std::string text = overlap_text(trained); !text.empty())
    std::fprintf(stderr, "warning: %s: the figures flatter the model\n", text.c_str());
  e.trained_on = trained.count;
  return e;
}

int evaluate_models(const EvalOptions& o) {
  const LoadedModel loaded = model_of(o), other = gallery_model_of(o, loaded);
  EmbedOptions options = embed_options(loaded.preprocessing, o.data, o.machine);
  options.output = o.pooled ? Output::Pooled : Output::Embedding;
  std::string name = loaded.source.empty() ? loaded.model->spec().describe() : o.model;
  if (!o.gallery_embeddings.empty()) {  // before the work of embedding
    Stored stored = read_embeddings(o.gallery_embeddings, o.gallery_table, "gallery-");
    say_notes(check_comparable(index_info(loaded, options, o.data, o.machine), name, stored.info, stored.name,
                               o.allow_mismatch),
              o.machine.quiet);
    Embeddings query = embed(o, *loaded.model, {o.data.data, o.data.classes}, options, true);
    say_skipped("pictures", query.skipped);
    return print_metrics_in(o, name + " in " + stored.name, std::move(query), std::move(stored.embeddings));
  }
  Embeddings query = embed(o, *loaded.model, {o.data.data, o.data.classes}, options, true), gallery;
  const bool same_pictures = o.gallery.empty();
  const bool separate = !same_pictures || !o.gallery_model.empty() || !o.gallery_degrade.empty();
  if (separate) {
    EvalDataOptions flags = o.data;
    flags.degrade = o.gallery_degrade;
    options.preprocessing = preprocessing_for(other.preprocessing, flags);
    const DatasetSpec pictures =
        same_pictures ? DatasetSpec{o.data.data, o.data.classes} : DatasetSpec{o.gallery, o.gallery_classes};
    gallery = embed(o, *other.model, pictures, options, false);
    if (same_pictures) keep_common_rows(query, gallery);
  }
  say_skipped("pictures", query.skipped);
  if (!same_pictures) say_skipped("gallery pictures", gallery.skipped), check_labels(o, query, gallery);
  number_labels(query, gallery);
  if (!o.gallery_model.empty()) name += " in " + o.gallery_model;
  return print_metrics(o, name, query, {separate ? &gallery : nullptr, same_pictures});
}

/// What the chosen kind of evaluation does not look at.
void check_flags(const Verb& verb, const EvalOptions& o) {
  using Name = const std::string&;
  if (!o.runs.empty())
    refuse_passed_over(verb, "of stored metrics of runs (which --model names otherwise)", [](Name group, Name name) {
      return group == "Data" || group == "Model" || group == "Stored embeddings" ||
             (group == "Output" && name != "spread" && name != "json");
    });
  else if (!o.embeddings.empty())
    refuse_passed_over(verb, "of stored embeddings (--embeddings)", [](Name group, Name name) {
      return (group == "Data" && name != "copies" && !name.starts_with("gallery")) ||
             (group == "Model" && !name.starts_with("gallery-model"));
    });
  else
    refuse_passed_over(verb, "without --embeddings", [](Name, Name name) { return name == "table"; });
  if (o.gallery_embeddings.empty())
    refuse_passed_over(verb, "without --gallery-embeddings", [](Name, Name name) { return name == "gallery-table"; });
  if (o.gallery.empty())
    refuse_passed_over(verb, "without --gallery", [](Name, Name name) { return name == "gallery-classes"; });
  if (o.runs.empty()) refuse_passed_over(verb, "without runs", [](Name, Name name) { return name == "spread"; });
}

int run_eval(const EvalOptions& o) {
  apply(o.machine);
  apply(o.data.pictures);
  if (!o.runs.empty()) return print_stored_metrics(o.runs, o.spread, o.json);
  if (!o.per_class.empty()) {
    refuse_other_file_as_output(o.per_class, "class\tqueries\t", "table of classes");
    remove_dead_temporaries(o.per_class);
  }
  if (!o.embeddings.empty()) {
    if (!o.gallery.empty() || !o.gallery_model.empty() || !o.gallery_degrade.empty())
      throw Error(ErrorKind::Usage, "",
                  "--gallery, --gallery-model and --gallery-degrade are about pictures, --embeddings is not",
                  "name the pictures with --data, or a second pair of files with --gallery-embeddings");
    Stored query = read_embeddings(o.embeddings, o.table, "");
    if (!o.gallery_embeddings.empty()) {
      Stored gallery = read_embeddings(o.gallery_embeddings, o.gallery_table, "gallery-");
      say_notes(check_comparable(query.info, query.name, gallery.info, gallery.name, o.allow_mismatch),
                o.machine.quiet);
      return print_metrics_in(o, o.embeddings, std::move(query.embeddings), std::move(gallery.embeddings));
    }
    Embeddings none;
    number_labels(query.embeddings, none);
    return print_metrics(o, o.embeddings, query.embeddings, {});
  }
  if (o.data.data.empty())
    throw Error(ErrorKind::Usage, "", "nothing to evaluate",
                "name pictures with --data, embeddings with --embeddings, or finished runs");
  if (o.model.empty() && o.weights.empty())
    throw Error(ErrorKind::Usage, "", "no model",
                "name a run or model file with --model, or backbone weights with --weights and --arch");
  if (!o.model.empty() && !o.weights.empty())
    throw Error(ErrorKind::Usage, "", "--model and --weights both name weights", "give one of them");
  if (!o.gallery_embeddings.empty() && (!o.gallery.empty() || !o.gallery_model.empty() || !o.gallery_degrade.empty()))
    throw Error(ErrorKind::Usage, "", "--gallery-embeddings and other galleries cannot both be had",
                "name the gallery's pictures, or its embeddings");
  return evaluate_models(o);
}

}  // namespace

Verb eval_verb() {
  Verb verb("eval", "Measure retrieval: exact Recall@K, MAP@R and more.",
            "  fledge eval --model runs/relative --data cars/test\n"
            "  fledge eval runs/teacher runs/alone runs/relative        (stored metrics of finished runs, a row each)\n"
            "  fledge eval --embeddings e.npy --table e.tsv --recall-at 1,10,100 --json\n"
            "  fledge eval --model runs/student --gallery-model runs/teacher --data cars/test --all\n",
            true);
  Fields& f = verb.fields;
  auto o = std::make_shared<EvalOptions>();
  f.add_positional("runs", o->runs, "finished runs whose stored metrics are printed side by side").repeatable = true;
  f.group("Stored embeddings");
  f.add("embeddings", o->embeddings, "evaluate this .npy (N x D)");
  f.add("table", o->table, "its table: header path<TAB>label");
  f.add("gallery-embeddings", o->gallery_embeddings,
        "search in these instead of among the queries (--embeddings or --data)");
  f.add("gallery-table", o->gallery_table, "their table");
  bind_eval_data(f, o->data);
  f.group("Data");
  f.add("gallery", o->gallery, "search in these pictures instead of among the queries");
  f.add("gallery-classes", o->gallery_classes, "only these classes of the gallery");
  f.add("gallery-degrade", o->gallery_degrade,
        "make the gallery's pictures poor, as --degrade does the queries'; none; empty: the model's own");
  f.group("Model");
  f.add("gallery-model", o->gallery_model,
        "embeds the gallery (the same pictures, each query's own left out, or --gallery); --model the queries");
  f.add("model", o->model, "run folder, checkpoint folder, model file, or any PyTorch weight file");
  bind_model(f, o->spec, o->weights);
  bind_external(f, o->external, "", "Model");
  bind_external(f, o->gallery_external, "gallery-", "Model");
  f.add_switch("pooled", o->pooled, "the pooled features instead of the head's embedding");
  f.group("Data");
  f.add("copies", o->copies,
        "pictures with the content of the query under another name: leave-out, keep; auto: left out of a "
        "gallery, kept among the queries as in the figures of the literature")
      .one_of({"auto", "leave-out", "keep"});
  f.group("Stored embeddings");
  f.add_switch("allow-mismatch", o->allow_mismatch,
               "compare embeddings although another model or preparation of pictures made them");
  f.group("Output");
  f.add("recall-at", o->recall_at, "K of Recall@K");
  f.add_switch("all", o->all, "every metric, also rank and mean distances of the embedding");
  f.add_switch("clusters", o->clusters, "NMI and AMI of k-means with one cluster a class (slow with many classes)");
  f.add("cluster-starts", o->cluster_starts, "runs of k-means, of which the best counts").between(1, 1000);
  f.add("per-class", o->per_class, "write a table (.tsv) with a row for each class");
  f.add("bootstrap", o->bootstrap.samples, "samples for confidence intervals; 0: no intervals").between(0, 1000000);
  f.add("confidence", o->bootstrap.level, "level of the intervals").between(0.01, 0.999);
  f.add_switch("bootstrap-classes", o->by_class, "draw whole classes, not queries, for the intervals");
  f.add("seed", o->bootstrap.seed, "of the bootstrap and of k-means");
  f.add_switch("spread", o->spread, "runs named KIND-SEED: mean and standard deviation of each kind over its seeds");
  f.add_switch("json", o->json, "every metric as one JSON object");
  bind_machine(f, o->machine);
  verb.run = [o](const Verb& verb, const std::string&) {
    check_flags(verb, *o);
    // For weights from elsewhere only what was said counts, not the defaults of a network that is built anew.
    if (verb.fields.given("arch")) o->external.arch = o->spec.arch;
    if (verb.fields.given("conventions")) o->external.variant = o->spec.variant;
    if (verb.fields.given("stem")) o->external.stem = o->spec.stem;
    return run_eval(*o);
  };
  return verb;
}

}  // namespace fledge
