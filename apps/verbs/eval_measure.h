// What `fledge eval` was asked for, and the figures of one set of queries in one gallery.
#pragma once
#include <string>
#include <vector>

#include "nn/metrics/retrieval.h"
#include "nn/models/model.h"
#include "train/evaluation/evaluate.h"
#include "train/model/external_model.h"
#include "train/spec/options.h"

namespace fledge {

struct EvalOptions {
  std::string model, embeddings, table, gallery, gallery_classes, gallery_embeddings, gallery_table,
      recall_at = "1,2,4,8";
  std::vector<std::string> runs;
  ModelSpec spec;
  std::string weights;
  ExternalOptions external, gallery_external;
  std::string gallery_model, gallery_degrade, per_class;
  std::string copies = "auto";
  bool pooled = false, json = false, spread = false, all = false, clusters = false, by_class = false;
  bool allow_mismatch = false;
  int cluster_starts = 1;
  BootstrapOptions bootstrap;
  EvalDataOptions data;
  MachineSpec machine;
};

/// The gallery of a search: none of its own (the queries), the same pictures seen by another model, or other pictures.
struct Gallery {
  const Embeddings* embeddings = nullptr;
  bool same_pictures = true;  // row i is query i's picture, which that query leaves out
};

/// Measures and prints (--json: one object), and writes --per-class. `name` stands in the first column.
int print_metrics(const EvalOptions& o, const std::string& name, const Embeddings& query, const Gallery& gallery);

}  // namespace fledge
