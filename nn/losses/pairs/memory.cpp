#include "nn/losses/pairs/memory.h"

#include <algorithm>

#include "nn/losses/function_loss.h"
#include "nn/losses/pairs/pair_options.h"
#include "tensor/creation.h"

namespace fledge {
namespace {

Tensor empty_memory(std::int64_t embedding_size, const MemoryOptions& options) {
  if (options.size < 1 || options.start < 0)
    throw Error(ErrorKind::Usage, "loss memory",
                "size is " + std::to_string(options.size) + " and start " + std::to_string(options.start),
                "the size must be at least 1, the start at least 0");
  if (embedding_size < 1)
    throw Error(ErrorKind::Usage, "loss memory", "the size of the embedding is " + std::to_string(embedding_size),
                "give the student an embedding");
  return zeros({options.size, embedding_size});
}

}  // namespace

MemoryLoss::MemoryLoss(PairLoss loss, std::int64_t embedding_size, const MemoryOptions& options)
    : loss_(std::move(loss)),
      options_(options),
      embeddings_(buffer("embeddings", empty_memory(embedding_size, options))),
      labels_(buffer("labels", zeros({options.size}, DType::Int64))),
      seen_(buffer("seen", zeros({1}, DType::Int64))) {}

std::int64_t MemoryLoss::seen() const {
  const std::int64_t seen = *seen_.data<std::int64_t>();
  if (seen < 0)
    throw Error(ErrorKind::BadInput, "loss memory", "its state says that " + std::to_string(seen) + " were seen",
                "the checkpoint is damaged: go back to an earlier one");
  return seen;
}

LossOutput MemoryLoss::forward(const LossInput& input) const {
  const Variable& f = input.student.embedding;
  const std::int64_t kept = std::min(seen(), options_.size);
  LossOutput out = input.step < options_.start
                       ? loss_(pairs_within("memory", f, input.labels))
                       : loss_(pairs_against("memory", f, input.labels,
                                             embeddings_.slice(0, 0, kept).to(f.value().device()).to(f.value().dtype()),
                                             labels_.slice(0, 0, kept)));
  out.numbers.emplace_back("memory", static_cast<double>(kept));
  return out;
}

void MemoryLoss::after_step(const LossInput& input) {
  if (input.step < options_.start) return;
  const Tensor& f = input.student.embedding.value();
  check_labels("memory", f, input.labels);
  const std::int64_t n = f.dim(0), size = options_.size, before = seen();
  for (std::int64_t i = std::max<std::int64_t>(0, n - size); i < n;) {
    const std::int64_t row = (before + i) % size, rows = std::min(n - i, size - row);
    embeddings_.slice(0, row, rows).copy_from(f.slice(0, i, rows));
    labels_.slice(0, row, rows).copy_from(input.labels.slice(0, i, rows));
    i += rows;
  }
  seen_.fill(static_cast<double>(before + n));
}

namespace {

MemoryLoss::PairLoss pair_loss(const OptionReader& read) {
  switch (read.choice("memory-loss", {"contrastive", "multi-similarity", "triplet"})) {
    case 0:
      return [o = read_contrastive(read)](const PairBatch& pairs) { return contrastive(pairs, o); };
    case 1:
      return [o = read_multi_similarity(read)](const PairBatch& pairs) { return multi_similarity(pairs, o); };
    default:
      return [o = read_triplet(read, true)](const PairBatch& pairs) { return triplet_all(pairs, o); };
  }
}

std::shared_ptr<Loss> make_memory(const OptionReader& read, const LossSetup& setup) {
  constexpr std::int64_t kLargest = 1'000'000'000;
  return std::make_shared<MemoryLoss>(
      pair_loss(read), setup.embedding,
      MemoryOptions{read.whole_number("memory-size", 1, kLargest), read.whole_number("memory-start", 0, kLargest)});
}

OptionDefaults all_options() {
  OptionDefaults all = {{"memory-loss", "contrastive"}, {"memory-size", "1024"}, {"memory-start", "0"}};
  for (const OptionDefaults& more : {contrastive_options(), multi_similarity_options(), triplet_options(true)})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

LossEntry memory_entry() {
  return {"memory", LossKind::Metric,
          "a loss of pairs against the embeddings of the last batches too (memory-loss: "
          "contrastive|multi-similarity|triplet, with its options)",
          all_options(), make_memory};
}

}  // namespace fledge
