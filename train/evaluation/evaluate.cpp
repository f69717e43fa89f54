#include "train/evaluation/evaluate.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/printable.h"
#include "data/identity/similar_names.h"
#include "data/views/boxes.h"
#include "data/views/degradation.h"
#include "tensor/finite.h"
#include "tensor/ops/image.h"
#include "tensor/stream.h"

namespace fledge {
namespace {

constexpr const char* kBrokenModel =
    "the network's weights are finite, but its sums are not: use another checkpoint, or other pictures";

}  // namespace

Preprocessing preprocessing_for(const Preprocessing& model, const EvalDataOptions& flags) {
  Preprocessing p = model;
  if (flags.size > 0) p.size = flags.size;
  if (flags.resize_short >= 0) p.resize_short = flags.resize_short;
  if (!flags.normalize.empty()) p.normalize = flags.normalize;
  if (!flags.degrade.empty()) p.degrade = flags.degrade == "none" ? "" : flags.degrade;
  if (flags.box != BoxChoice::Model) p.box = flags.box == BoxChoice::On;
  return p;
}

std::vector<std::string> preparation_warnings(const Preprocessing& preprocessing, const Dataset& dataset) {
  std::vector<std::string> warnings;
  for (const std::string& text : {preprocessing.box ? missing_boxes(dataset) : "", small_crop(preprocessing),
                                  similar_names(dataset.class_names())})
    if (!text.empty()) warnings.push_back(text);
  return warnings;
}

EmbedOptions embed_options(const Preprocessing& model, const EvalDataOptions& flags, const MachineSpec& machine) {
  EmbedOptions options;
  options.preprocessing = preprocessing_for(model, flags);
  options.batch_size = flags.batch_size;
  options.workers = flags.workers;
  options.compute = compute_of(machine);
  options.skip_bad = flags.on_bad_image == OnBadImage::Skip;
  return options;
}

namespace {

template <class Images>
Tensor rows_of(const EmbeddingModel& model, const Images& images, Output output) {
  const NoGradGuard no_grad;
  const bool logits = output == Output::Logits;
  const ModelOutput all = model.forward(images, {.features_only = output != Output::Embedding, .logits = logits});
  return (logits ? all.logits : all.embedding).value();
}

}  // namespace

Tensor run_model(const EmbeddingModel& model, const Tensor& images, Output output) {
  return rows_of(model, Variable(images), output);
}

Tensor run_model(const EmbeddingModel& model, const StoredPictures& pictures, DType activations, Output output) {
  if (activations == DType::Float32) return rows_of(model, pictures, output);
  return run_model(model, pictures.normalized().to(activations), output);
}

namespace {

/// Rows on their way to the host. The device computes the next batch meanwhile, so that it never waits for one.
class RowsToHost {
 public:
  explicit RowsToHost(Device device) : arrived_(device), device_(device) {}
  ~RowsToHost() {
    try {
      receive();  // after an exception: nothing may write into memory that is given back
    } catch (const Error&) {
    }
  }

  /// `batch` is kept until its rows are here: the copy of its pixels may still run.
  void send(Batch batch, const Tensor& rows) {
    batch_ = std::move(batch);
    if (!host_.defined() || !(host_.dims() == rows.dims()))
      host_ = Tensor::empty_pinned(rows.dims(), rows.dtype(), device_);
    copy_async(host_, rows);
    arrived_.record();
  }
  /// Null when nothing was sent.
  const Tensor* receive() {
    if (!batch_) return nullptr;
    arrived_.synchronize();
    bad_ = std::move(batch_->bad);
    batch_.reset();
    return &host_;
  }
  /// Of what was received last.
  const std::vector<BadPicture>& bad() const { return bad_; }

 private:
  Event arrived_;
  Device device_;
  Tensor host_;
  std::optional<Batch> batch_;
  std::vector<BadPicture> bad_;
};

/// Collects what the network says of a data set, batch by batch in order, without the rows of bad pictures.
class RowCollector {
 public:
  RowCollector(const Dataset& dataset, const EmbedOptions& options) : dataset_(dataset), progress_(options.progress) {
    out_.skipped.of = dataset.size();
    for (std::int64_t i = 0; i < dataset.size(); ++i)
      if (dataset.label(i) < 0 || dataset.label(i) >= dataset.classes())
        throw Error(ErrorKind::BadInput, "",
                    "picture '" + dataset.name(i) + "' of " + dataset.description() + " has no label",
                    "what is measured or embedded needs one: pack or list the pictures with their classes");
  }

  void keep(const Tensor& rows, const std::vector<BadPicture>& bad) {
    if (!out_.vectors.defined()) out_.vectors = Tensor::empty({dataset_.size(), rows.dim(1)});
    auto next_bad = bad.begin();
    for (std::int64_t row = 0; row < rows.dim(0);) {
      if (next_bad != bad.end() && static_cast<std::int64_t>(next_bad->row) == row) {
        out_.skipped.add(dataset_.name(next_bad->index), next_bad->reason);
        ++next_bad, ++row;
        continue;
      }
      const std::int64_t end = next_bad == bad.end() ? rows.dim(0) : static_cast<std::int64_t>(next_bad->row);
      out_.vectors.slice(0, kept(), end - row).copy_from(rows.slice(0, row, end - row));
      for (; row < end; ++row) out_.pictures.push_back(done_ + row);
    }
    done_ += rows.dim(0);
    if (progress_) progress_(done_, dataset_.size());
    stop_if_asked();
  }

  Embeddings finish() {
    if (dataset_.size() > 0 && kept() == 0)
      throw Error(ErrorKind::BadInput, "",
                  "none of " + std::to_string(dataset_.size()) +
                      " pictures can be read; the first: " + out_.skipped.reasons.front());
    if (kept() < dataset_.size()) out_.vectors = out_.vectors.slice(0, 0, kept());
    for (const std::int64_t i : out_.pictures) {
      out_.labels.push_back(dataset_.label(i));
      out_.paths.push_back(dataset_.name(i));
      out_.label_names.push_back(dataset_.class_names()[dataset_.label(i)]);
    }
    return std::move(out_);
  }

 private:
  std::int64_t kept() const { return static_cast<std::int64_t>(out_.pictures.size()); }

  const Dataset& dataset_;
  const std::function<void(std::int64_t, std::int64_t)> progress_;
  std::int64_t done_ = 0;  // pictures seen
  Embeddings out_;
};

}  // namespace

void keep_common_rows(Embeddings& a, Embeddings& b) {
  const auto only = [](Embeddings& e, const std::vector<std::int64_t>& wanted) {
    if (e.pictures == wanted) return;
    Embeddings out;
    out.skipped = std::move(e.skipped), out.root = e.root;
    out.vectors = Tensor::empty({static_cast<std::int64_t>(wanted.size()), e.vectors.dim(1)}, e.vectors.dtype());
    for (std::size_t row = 0; row < e.pictures.size(); ++row) {
      if (!std::binary_search(wanted.begin(), wanted.end(), e.pictures[row])) continue;
      const auto to = static_cast<std::int64_t>(out.pictures.size());
      out.vectors.slice(0, to, 1).copy_from(e.vectors.slice(0, static_cast<std::int64_t>(row), 1));
      out.pictures.push_back(e.pictures[row]);
      out.labels.push_back(e.labels[row]);
      out.paths.push_back(std::move(e.paths[row]));
      out.label_names.push_back(std::move(e.label_names[row]));
      if (!e.contents.empty()) out.contents.push_back(std::move(e.contents[row]));
    }
    e = std::move(out);
  };
  std::vector<std::int64_t> common;
  std::set_intersection(a.pictures.begin(), a.pictures.end(), b.pictures.begin(), b.pictures.end(),
                        std::back_inserter(common));
  only(a, common);
  only(b, common);
}

Embeddings embed_dataset(EmbeddingModel& model, std::shared_ptr<Dataset> dataset, const EmbedOptions& options) {
  const Compute& compute = options.compute;
  model.to(compute.device);
  const InferenceGuard inference(model);
  EvalTransform transform;
  transform.size = options.preprocessing.size;
  transform.resize_short = options.preprocessing.resize_short;
  transform.crop_box = options.preprocessing.box;
  transform.degradation = parse_degradation(options.preprocessing.degrade);
  LoaderOptions loading;
  loading.size = options.preprocessing.size;
  loading.normalization = Normalization::named(options.preprocessing.normalize);
  loading.workers = options.workers;
  loading.pixels = true;
  loading.device = compute.device;
  loading.on_bad_image = options.skip_bad ? OnBadImage::LeaveOut : OnBadImage::Fail;
  const NormalizeParams normalize = loading.normalization.params();

  RowCollector collector(*dataset, options);
  Loader loader(dataset, sequential_batches(dataset->size(), options.batch_size), evaluation_views(dataset, transform),
                loading);
  RowsToHost sent[2] = {RowsToHost(compute.device), RowsToHost(compute.device)};
  int turn = 0;
  while (auto batch = loader.next()) {
    if (!compute.on_device()) {
      collector.keep(run_model(model, StoredPictures{batch->pixels, normalize}, compute.activations, options.output),
                     batch->bad);
      continue;
    }
    if (const Tensor* rows = sent[turn].receive()) collector.keep(*rows, sent[turn].bad());
    const Tensor pixels = Tensor::empty(batch->pixels.dims(), DType::UInt8, Layout::Contiguous, compute.device);
    copy_async(pixels, batch->pixels);
    const Tensor images = normalize_images(pixels, normalize, compute.activations);
    sent[turn].send(std::move(*batch), run_model(model, images, options.output));
    turn = 1 - turn;
  }
  for (int i = 0; i < 2; ++i, turn = 1 - turn)
    if (const Tensor* rows = sent[turn].receive()) collector.keep(*rows, sent[turn].bad());
  Embeddings out = collector.finish();
  require_finite_rows(out.vectors, "the embeddings", out.paths, ErrorKind::Numeric, kBrokenModel);
  return out;
}

void identify(Embeddings& e, Contents& contents, int threads) {
  const Dataset& dataset = contents.dataset();
  contents.find(e.pictures, threads);
  e.contents.clear();
  for (const std::int64_t i : e.pictures) {
    const Content content = contents.origin(i);
    const bool file = !dataset.file(i).path.empty() || dataset.origin(i).known();
    e.contents.push_back(!content.known() ? "" : (file ? "" : "pixels:") + to_text(content));
  }
}

void require_finite_rows(const Tensor& rows, const std::string& what, const std::vector<std::string>& names,
                         ErrorKind kind, const std::string& hint) {
  const auto bad = first_unsound(rows);
  if (!bad) return;
  const std::int64_t row = bad->index[0];
  throw Error(kind, "",
              "row " + std::to_string(row) + " of " + what +
                  (names.empty() ? "" : " ('" + printable(names[static_cast<std::size_t>(row)]) + "')") + " holds " +
                  describe(*bad),
              hint);
}

}  // namespace fledge
