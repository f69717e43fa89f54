// fledge search: the pictures of an index (what fledge embed wrote) that are nearest to query pictures, or the label
// that they vote for.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/index/index_search.h"
#include "apps/index/search_index.h"
#include "apps/verbs/shown_embedding.h"
#include "apps/verbs/verbs.h"
#include "base/error.h"
#include "base/printable.h"
#include "data/exif_choice.h"
#include "io/json_file.h"
#include "io/table.h"
#include "train/compute.h"
#include "train/evaluation/evaluate.h"

namespace fledge {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

struct SearchOptions {
  std::string index, model, stored_queries;
  std::vector<std::string> pictures;
  bool pooled = false, match = false, json = false, allow_mismatch = false;
  std::int64_t top = 10;
  double threshold = kNoLimit;
  ExternalOptions external;
  EvalDataOptions data;
  MachineSpec machine;
};

struct Queries {
  Tensor vectors;                     // Q,D
  std::vector<std::string> names;     // of each
  std::vector<std::string> labels;    // of each; empty: not known
  std::vector<std::string> contents;  // of each; empty: not known
  std::string root;                   // of the names, where it is known
  SkippedPictures skipped = {};       // those that could not be read

  PictureNames pictures() const { return {names, contents, root}; }
};

using Json = nlohmann::ordered_json;

/// Single picture files, as a data set without classes.
class PictureFiles : public Dataset {
 public:
  explicit PictureFiles(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(paths_.size()); }
  std::int64_t label(std::int64_t) const override { return 0; }
  std::string name(std::int64_t i) const override { return paths_[i]; }
  Image image(std::int64_t i) const override { return decode_image_file(paths_[i], exif_rotation(false)); }
  ImageSource source(std::int64_t i) const override { return open_image_file(paths_[i], exif_rotation(false)); }
  PictureFile file(std::int64_t i) const override { return {paths_[i], exif_rotation(false) == ExifRotation::Apply}; }
  const std::vector<std::string>& class_names() const override { return no_class_; }
  std::string description() const override { return std::to_string(size()) + " picture files"; }

 private:
  std::vector<std::string> paths_, no_class_ = {""};
};

void check_options(const SearchOptions& o) {
  if (o.index.empty())
    throw Error(ErrorKind::Usage, "", "no index",
                "name one with --index; 'fledge embed --model MODEL --data PICTURES --output NAME' writes NAME");
  const int kinds = !o.pictures.empty() + !o.data.data.empty() + !o.stored_queries.empty();
  if (kinds != 1)
    throw Error(ErrorKind::Usage, "", kinds ? "more than one kind of queries" : "nothing to search for",
                "give one of --query PICTURE ..., --data FOLDER, --queries NAME");
  if (o.stored_queries.empty() == o.model.empty())
    throw Error(ErrorKind::Usage, "", o.model.empty() ? "no model" : "--queries are embedded already: no --model",
                o.model.empty() ? "name with --model the one that wrote the index" : "leave one of them out");
  if (std::isnan(o.threshold) || o.threshold < 0)
    throw Error(ErrorKind::Usage, "", fmt::format("--threshold {} is no distance", o.threshold),
                "distances count from 0; of embeddings of unit length they end at 2");
}

void check_size(const StoredEmbeddings& index, const std::string& other, std::int64_t size, const std::string& hint) {
  if (index.vectors.dim(1) == size) return;
  throw Error(ErrorKind::BadInput, "",
              fmt::format("'{}.npy' holds embeddings of {} numbers, but those of '{}' have {}", index.name,
                          index.vectors.dim(1), other, size),
              hint);
}

Queries embed_queries(const SearchOptions& o, const StoredEmbeddings& index) {
  const LoadedModel loaded = load_shown(o.model, o.external, o.machine.quiet);
  check_size(index, o.model, o.pooled ? loaded.model->backbone().feature_size() : loaded.model->embedding_size(),
             "search with the model that wrote the index, and with --pooled if it was written so");
  EmbedOptions options = embed_options(loaded.preprocessing, o.data, o.machine);
  options.output = o.pooled ? Output::Pooled : Output::Embedding;
  const IndexInfo info = index_info(loaded, options, o.data, o.machine);
  say_notes(check_comparable(info, o.model, index.info, index.name, o.allow_mismatch), o.machine.quiet);
  const bool single = !o.pictures.empty();
  const std::shared_ptr<Dataset> dataset =
      single ? std::make_shared<PictureFiles>(o.pictures) : open_dataset({o.data.data, o.data.classes});
  Embeddings e = embed_shown(*loaded.model, dataset, options, o.machine.quiet);
  say_skipped("query pictures", e.skipped);
  Contents contents(dataset);
  identify(e, contents, o.data.workers);
  return {e.vectors,
          std::move(e.paths),
          single ? std::vector<std::string>() : std::move(e.label_names),
          std::move(e.contents),
          info.root,
          std::move(e.skipped)};
}

Queries read_queries(const SearchOptions& o, const StoredEmbeddings& index) {
  StoredEmbeddings stored = load_embeddings(o.stored_queries);
  check_size(index, stored.name + ".npy", stored.vectors.dim(1), "write both with the same model");
  say_notes(check_comparable(stored.info, stored.name, index.info, index.name, o.allow_mismatch), o.machine.quiet);
  return {stored.vectors,
          std::move(stored.paths),
          std::move(stored.labels),
          std::move(stored.contents),
          stored.info ? stored.info->root : "",
          {}};
}

SearchAnswers answers_of(const SearchOptions& o, const StoredEmbeddings& index, const Queries& queries) {
  const auto start = std::chrono::steady_clock::now();
  SearchAnswers answers =
      search_index({queries.vectors, index.vectors, own_pictures(queries.pictures(), index.pictures()),
                    compute_of(o.machine).device},
                   o.top, o.threshold);
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
  if (!o.machine.quiet)
    std::fprintf(stderr, "searched %zu pictures for %zu queries in %.1f ms\n", index.paths.size(),
                 answers.queries.size(), spent.count());
  return answers;
}

/// What is said of queries that the index holds; empty where it holds none.
std::string own_note(const SearchAnswers& answers) {
  std::string text;
  if (answers.own.own) text = fmt::format("{} queries are in the index themselves", answers.own.own);
  if (answers.own.copies)
    text +=
        fmt::format("{}{} queries have a copy under another name there", text.empty() ? "" : ", ", answers.own.copies);
  return text.empty() ? "" : text + ": their own pictures are marked and do not vote\n";
}

/// Queries whose own label is known and voted for.
std::int64_t correct_votes(const Queries& queries, const std::vector<Vote>& votes) {
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < queries.labels.size(); ++i)
    correct += votes[i].of > 0 && votes[i].label == queries.labels[i];
  return correct;
}

/// Null where there is no picture to be away from.
Json json_distance(double distance) { return std::isfinite(distance) ? Json(distance) : Json(nullptr); }

void print_json(const SearchOptions& o, const StoredEmbeddings& index, const Queries& queries,
                const SearchAnswers& answers, const std::vector<Vote>& votes) {
  Json list = Json::array();
  for (std::size_t i = 0; i < answers.queries.size(); ++i) {
    const Answer& a = answers.queries[i];
    Json entry = {{"query", queries.names[i]}};
    if (!queries.labels.empty()) entry["label"] = queries.labels[i];
    if (o.match) {
      const Vote& v = votes[i];
      entry["match"] = v.of ? Json(v.label) : Json(nullptr);
      entry["votes"] = v.votes;
      entry["of"] = v.of;
      entry["nearest"] = json_distance(a.nearest_other);
      if (a.own_found) entry["own"] = a.own_found;
    } else {
      Json results = Json::array();
      for (const FoundPicture& n : a.neighbors) {
        results.push_back({{"rank", results.size() + 1},
                           {"distance", n.distance},
                           {"cosine", n.cosine},
                           {"label", index.labels[n.row]},
                           {"path", index.paths[n.row]},
                           {"row", n.row}});
        if (answers.is_own(i, n.row)) results.back()["own"] = true;
      }
      entry["results"] = std::move(results);
    }
    list.push_back(std::move(entry));
  }
  Json report = {{"index", index.name}, {"pictures", index.paths.size()}, {"queries", std::move(list)}};
  report["own_pictures"] = answers.own.own;
  report["copies"] = answers.own.copies;
  if (o.data.on_bad_image == OnBadImage::Skip) add_skipped(report, "skipped", queries.skipped.names);
  if (o.match && !queries.labels.empty()) report["correct"] = correct_votes(queries, votes);
  fmt::print("{}\n", json_text(std::move(report)));
}

void print_lists(const SearchOptions& o, const StoredEmbeddings& index, const Queries& queries,
                 const SearchAnswers& answers) {
  for (std::size_t i = 0; i < answers.queries.size(); ++i) {
    const Answer& a = answers.queries[i];
    fmt::print("{}{}\n", i ? "\n" : "", printable(queries.names[i]));
    if (a.neighbors.empty()) {
      fmt::print("  none within {}: the nearest picture is {:.4f} away\n", o.threshold, a.nearest);
      continue;
    }
    std::size_t width = 5;
    for (const FoundPicture& n : a.neighbors) width = std::max(width, printable(index.labels[n.row]).size());
    fmt::print("  rank  distance   cosine  {:<{}}  path\n", "label", width);
    for (std::size_t r = 0; r < a.neighbors.size(); ++r) {
      const FoundPicture& n = a.neighbors[r];
      fmt::print("  {:>4}  {:>8.4f}  {:>7.4f}  {:<{}}  {}{}\n", r + 1, n.distance, n.cosine,
                 printable(index.labels[n.row]), width, printable(index.paths[n.row]),
                 answers.is_own(i, n.row) ? "  (own picture)" : "");
    }
  }
  if (!o.machine.quiet) std::fputs(own_note(answers).c_str(), stderr);
}

void print_matches(const Queries& queries, const SearchAnswers& answers, const std::vector<Vote>& votes) {
  std::size_t width = 7;
  for (const Vote& v : votes) width = std::max(width, printable(v.label).size());
  fmt::print("{:<{}}  {:>6}  {:>7}  query\n", "label", width, "share", "nearest");
  std::int64_t unknown = 0;
  for (std::size_t i = 0; i < votes.size(); ++i) {
    const Vote& v = votes[i];
    unknown += v.of == 0;
    const std::string share =
        v.of ? fmt::format("{:.2f}", static_cast<double>(v.votes) / static_cast<double>(v.of)) : "-";
    const double away = answers.queries[i].nearest_other;
    fmt::print("{:<{}}  {:>6}  {:>7}  {}\n", v.of ? printable(v.label) : "unknown", width, share,
               std::isfinite(away) ? fmt::format("{:.4f}", away) : "-", printable(queries.names[i]));
  }
  if (!queries.labels.empty())
    fmt::print("{} of {} queries get their own label, {} are unknown\n", correct_votes(queries, votes), votes.size(),
               unknown);
  fmt::print("{}", own_note(answers));
}

int run_search(const SearchOptions& o) {
  apply(o.machine);
  apply(o.data.pictures);
  check_options(o);
  const StoredEmbeddings index = load_embeddings(o.index);
  if (o.match) refuse_blank_labels(index.name + ".tsv", {index.paths, index.labels});
  const Queries queries = o.stored_queries.empty() ? embed_queries(o, index) : read_queries(o, index);
  if (o.match)  // one number in two spellings would be two classes
    refuse_doubled_numbers({{index.name + ".tsv", &index.labels},
                            {o.stored_queries.empty() ? o.data.data : o.stored_queries, &queries.labels}});
  const SearchAnswers answers = answers_of(o, index, queries);
  std::vector<Vote> votes;
  if (o.match)
    for (const Answer& a : answers.queries) votes.push_back(vote(a.voters, index.labels));
  if (o.json)
    print_json(o, index, queries, answers, votes);
  else if (o.match)
    print_matches(queries, answers, votes);
  else
    print_lists(o, index, queries, answers);
  return 0;
}

}  // namespace

Verb search_verb() {
  Verb verb("search", "Find the pictures of an index that are nearest to a query, exactly.",
            "  fledge search --index cars --model runs/relative --query photo.jpg --top 5\n"
            "  fledge search --index cars --model runs/relative --data photos --match --threshold 0.8\n"
            "  fledge search --index cars --queries photos --top 1 --json\n"
            "  (fledge embed --model runs/relative --data cars/test --output cars wrote the index)\n",
            true);
  Fields& f = verb.fields;
  auto o = std::make_shared<SearchOptions>();
  f.group("Index");
  f.add("index", o->index, "NAME of NAME.npy and NAME.tsv, as fledge embed --output NAME writes them");
  f.group("Queries");
  Field& query = f.add("query", o->pictures, "pictures to search for; may be repeated");
  query.repeatable = true;
  query.not_in_config = true;
  query.initial = "";
  f.add("queries", o->stored_queries, "embeddings to search for: NAME of NAME.npy and NAME.tsv");
  f.group("Model");
  f.add("model", o->model, "what wrote the index: run folder, checkpoint folder, or weight file");
  f.add_switch("pooled", o->pooled, "the index was written with --pooled");
  f.add_switch("allow-mismatch", o->allow_mismatch,
               "search although another model or preparation of pictures wrote the index");
  bind_external(f, o->external, "", "Model");
  bind_eval_data(f, o->data);
  f.group("Output");
  f.add("top", o->top, "how many pictures a query; with --match so many vote, 1: the nearest decides")
      .between(std::int64_t{1}, std::numeric_limits<std::int64_t>::max());
  f.add("threshold", o->threshold, "only pictures within this Euclidean distance; inf: all");
  f.add_switch("match", o->match, "only the label that most of the found pictures have; unknown when none is found");
  f.add_switch("json", o->json, "one JSON object");
  bind_machine(f, o->machine);
  verb.run = [o](const Verb& verb, const std::string&) {
    std::erase(o->pictures, "");  // an empty value in a config
    if (!o->stored_queries.empty())
      refuse_passed_over(verb, "of stored queries (--queries)", [](const std::string&, const std::string& name) {
        for (const char* of_pictures :
             {"classes", "size", "resize-short", "normalize", "degrade", "box", "exif-rotate"})
          if (name == of_pictures) return true;
        return false;
      });
    return run_search(*o);
  };
  return verb;
}

}  // namespace fledge
