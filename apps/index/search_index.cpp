#include "apps/index/search_index.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "apps/cli/output_files.h"
#include "base/error.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/npy.h"
#include "io/table.h"
#include "train/evaluation/evaluate.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;

std::string without_extension(const std::string& name) {
  return name.size() > 4 && name.ends_with(".npy") ? name.substr(0, name.size() - 4) : name;
}

/// Whole numbers beyond 2^53 that double would round are refused: two of them could become one.
void check_whole_numbers(const Tensor& t, const std::string& file) {
  if (t.dtype() != DType::Int64) return;
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  const std::int64_t* v = t.data<std::int64_t>();
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    if (v[i] >= -kExact && v[i] <= kExact) continue;
    const double rounded = static_cast<double>(v[i]);
    if (rounded < 0x1p63 && static_cast<std::int64_t>(rounded) == v[i]) continue;
    throw Error(ErrorKind::BadInput, "",
                fmt::format("row {} of '{}' holds {}, which float64 would round", i / t.dim(-1), file, v[i]),
                "distances are computed in float64, which holds whole numbers up to 2^53: scale the embeddings down");
  }
}

Tensor comparable(Tensor t, const std::string& file) {
  check_whole_numbers(t, file);
  return t.dtype() == DType::Float32 ? t : t.to(DType::Float64);
}

/// A process killed between two steps of writing, or a hand that copied one of the files only.
void check_one_embed(const StoredEmbeddings& e, const std::string& file, const std::string& table,
                     const std::string& text) {
  const IndexInfo& info = *e.info;
  std::string odd;
  if (info.rows != e.vectors.dim(0) || info.dims != e.vectors.dim(1) || info.vectors != checksum_of(e.vectors))
    odd = file;
  else if (info.table != checksum_of(text.data(), text.size()))
    odd = table;
  if (odd.empty()) return;
  throw Error(
      ErrorKind::BadInput, "", fmt::format("'{}' is not the one that '{}' tells of", odd, index_file(e.name)),
      "the files are not of one 'fledge embed': write them anew; where you changed the file on purpose, remove " +
          index_file(e.name));
}

StoredEmbeddings load(const std::string& name, const std::string& file, const std::string& table, bool labeled) {
  StoredEmbeddings e;
  e.name = name;
  e.vectors = load_npy(file).contiguous();
  const auto bytes = read_file(table);
  const std::string text(bytes.begin(), bytes.end());
  LabelTable rows = parse_table(text, table);
  if (labeled) {
    refuse_blank_labels(table, rows);
    refuse_doubled_paths(table, rows);
    refuse_doubled_numbers({{table, &rows.labels}});
  }
  if (e.vectors.rank() != 2 || e.vectors.dim(0) != static_cast<std::int64_t>(rows.paths.size()))
    throw Error(
        ErrorKind::BadInput, "",
        fmt::format("'{}' is {} but '{}' has {} rows", file, to_string(e.vectors.dims()), table, rows.paths.size()),
        "use the pair of files that one fledge embed wrote");
  e.paths = std::move(rows.paths), e.labels = std::move(rows.labels), e.contents = std::move(rows.contents);
  e.info = read_index_info(name);
  if (e.info) check_one_embed(e, file, table, text);
  e.vectors = comparable(e.vectors, file);
  require_finite_rows(e.vectors, "'" + file + "'", e.paths, ErrorKind::BadInput,
                      "no distance to it can be told; look at that picture and at the model, and write the file anew");
  return e;
}

}  // namespace

StoredEmbeddings load_embeddings(const std::string& given) {
  const std::string name = without_extension(given), file = name + ".npy", table = name + ".tsv";
  for (const auto& needed : {file, table})
    if (!fs::exists(needed))
      throw Error(ErrorKind::BadInput, "", "no '" + needed + "'",
                  "'fledge embed --model MODEL --data PICTURES --output " + name + "' writes " + name + ".npy and " +
                      name + ".tsv");
  StoredEmbeddings e = load(name, file, table, false);
  if (e.vectors.numel() == 0)
    throw Error(ErrorKind::BadInput, "", "'" + file + "' is " + to_string(e.vectors.dims()) + ": it holds nothing",
                "use the pair of files that one fledge embed wrote");
  return e;
}

StoredEmbeddings load_embeddings(const std::string& vectors, const std::string& table) {
  return load(without_extension(vectors), vectors, table, true);
}

void save_embeddings(const std::string& name, const StoredEmbeddings& rows) {
  const std::string text = table_text({rows.paths, rows.labels, rows.contents});
  IndexInfo info = rows.info.value();
  info.rows = rows.vectors.dim(0), info.dims = rows.vectors.dim(1);
  info.vectors = checksum_of(rows.vectors), info.table = checksum_of(text.data(), text.size());
  const std::string json = index_json(info);
  AtomicFile vectors(name + ".npy"), table(name + ".tsv"), about(index_file(name));
  append_npy(vectors, rows.vectors);
  table.append(text.data(), text.size());
  about.append(json.data(), json.size());
  commit_together({&vectors, &table, &about});
}

void prepare_output(const std::string& name) {
  const std::string files[] = {name + ".npy", name + ".tsv", index_file(name)};
  for (const std::string& file : files) require_writable(file, "choose another --output");
  for (const std::string& file : files) remove_dead_temporaries(file);
}

}  // namespace fledge
