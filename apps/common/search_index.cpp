#include "apps/common/search_index.h"

#include <filesystem>
#include <utility>

#include "apps/common/evaluate.h"
#include "io/npy.h"
#include "io/table.h"
#include "kernels/api/error.h"

namespace fledge {

StoredEmbeddings load_embeddings(const std::string& name) {
  StoredEmbeddings e;
  e.name = name.size() > 4 && name.ends_with(".npy") ? name.substr(0, name.size() - 4) : name;
  const std::string file = e.name + ".npy", table = e.name + ".tsv";
  for (const auto& needed : {file, table})
    if (!std::filesystem::exists(needed))
      throw Error(ErrorKind::BadInput, "", "no '" + needed + "'",
                  "'fledge embed --model MODEL --data PICTURES --output " + e.name + "' writes " + e.name +
                      ".npy and " + e.name + ".tsv");
  e.vectors = load_npy(file).to(DType::Float32).contiguous();
  LabelTable rows = load_table(table);
  const std::string hint = "use the pair of files that one fledge embed wrote";
  if (e.vectors.rank() != 2 || e.vectors.dim(0) != static_cast<std::int64_t>(rows.paths.size()))
    throw Error(ErrorKind::BadInput, "",
                "'" + file + "' is " + to_string(e.vectors.dims()) + " but '" + table + "' has " +
                    std::to_string(rows.paths.size()) + " rows",
                hint);
  if (e.vectors.numel() == 0)
    throw Error(ErrorKind::BadInput, "", "'" + file + "' is " + to_string(e.vectors.dims()) + ": it holds nothing",
                hint);
  e.paths = std::move(rows.paths);
  e.labels = std::move(rows.labels);
  require_finite_rows(e.vectors, "'" + file + "'", e.paths, ErrorKind::BadInput,
                      "no distance to it can be told; look at that picture and at the model, and write the file anew");
  return e;
}

}  // namespace fledge
