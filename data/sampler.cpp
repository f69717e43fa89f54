#include "data/sampler.h"

#include <algorithm>
#include <unordered_map>

#include "kernels/api/error.h"
#include "tensor/random.h"

namespace fledge {

namespace {

/// Values drawn without replacement; a used-up deck is shuffled anew.
class Deck {
 public:
  explicit Deck(std::vector<std::int64_t> values) : values_(std::move(values)), at_(values_.size()) {}

  /// Appends `count` values to `hand`, none that is already in its last `count` places unless the deck has fewer values
  /// than that. A value passed over stays in the deck.
  void draw(std::size_t count, std::vector<std::int64_t>& hand, Generator& g) {
    const std::size_t start = hand.size();
    while (hand.size() < start + count) {
      if (at_ == values_.size()) {
        g.shuffle(values_);
        at_ = 0;
      }
      const std::size_t drawn = hand.size() - start;
      // Once every value is in the hand, repeats begin: only the last, unfinished round must stay free of doubles.
      const auto round = hand.begin() + static_cast<std::ptrdiff_t>(start + drawn / values_.size() * values_.size());
      std::size_t next = at_;
      while (next < values_.size() && std::find(round, hand.end(), values_[next]) != hand.end()) ++next;
      if (next ==
          values_.size()) {  // all that is left is in the hand: the rest goes back and the deck is shuffled anew
        at_ = next;
        continue;
      }
      std::rotate(values_.begin() + static_cast<std::ptrdiff_t>(at_),
                  values_.begin() + static_cast<std::ptrdiff_t>(next),
                  values_.begin() + static_cast<std::ptrdiff_t>(next) + 1);
      hand.push_back(values_[at_++]);
    }
  }

 private:
  std::vector<std::int64_t> values_;
  std::size_t at_;
};

void check_batch(const PKSamplerOptions& o) {
  const std::int64_t k = o.images_per_class;
  if (o.batch_size < 1 || k < 1)
    throw Error(ErrorKind::Usage, "",
                "batch size " + std::to_string(o.batch_size) + " and images per class " + std::to_string(k) +
                    " must be positive");
  if (o.batch_size % k == 0) return;
  const std::int64_t below = o.batch_size / k * k;
  throw Error(
      ErrorKind::Usage, "",
      "batch size " + std::to_string(o.batch_size) + " is not divisible by " + std::to_string(k) + " images per class",
      "the nearest that are: " + (below ? std::to_string(below) + " and " : "") + std::to_string(below + k));
}

void check_classes(std::int64_t classes, const PKSamplerOptions& o) {
  const std::int64_t wanted = o.batch_size / o.images_per_class;
  if (classes >= wanted) return;
  std::string hint = "use a data set with more classes";
  if (classes > 0)
    hint = "use a batch size of at most " + std::to_string(classes * o.images_per_class) + ", or more images per class";
  throw Error(ErrorKind::Usage, "",
              "a batch of " + std::to_string(o.batch_size) + " with " + std::to_string(o.images_per_class) +
                  " images per class needs " + std::to_string(wanted) + " classes, the data set has " +
                  std::to_string(classes),
              hint);
}

}  // namespace

PKSampler::PKSampler(const Dataset& dataset, const PKSamplerOptions& options) : options_(options) {
  check_batch(options);
  std::vector<std::string> alone;
  std::int64_t images = 0;
  const auto groups = dataset.by_class();
  for (std::size_t c = 0; c < groups.size(); ++c) {
    if (groups[c].empty()) continue;  // a class without images cannot be drawn
    images += static_cast<std::int64_t>(groups[c].size());
    if (groups[c].size() == 1) alone.push_back(dataset.class_names()[c]);
    by_class_.push_back(groups[c]);
  }
  check_classes(static_cast<std::int64_t>(by_class_.size()), options);
  batches_ = options.batches_per_epoch > 0 ? options.batches_per_epoch
                                           : std::max<std::int64_t>(1, images / options.batch_size);
  if (alone.empty()) return;
  std::string text = std::to_string(alone.size()) + " of " + std::to_string(by_class_.size()) +
                     " classes have one image only (" + alone[0];
  for (std::size_t i = 1; i < std::min<std::size_t>(alone.size(), 3); ++i) text += ", " + alone[i];
  text += alone.size() > 3 ? ", ...)" : ")";
  warnings_.push_back(text + ": their positives are the same picture, augmented differently");
}

std::vector<BatchRefs> PKSampler::epoch(std::int64_t epoch) const {
  Generator g = Generator::of(
      {options_.seed, static_cast<std::uint64_t>(epoch), 0x504bull});  // "PK": apart from the augmentation's
  const std::size_t k = static_cast<std::size_t>(options_.images_per_class),
                    p = static_cast<std::size_t>(options_.batch_size) / k;
  std::vector<std::int64_t> classes(by_class_.size());
  for (std::size_t c = 0; c < classes.size(); ++c) classes[c] = static_cast<std::int64_t>(c);
  Deck class_deck(classes);
  std::vector<Deck> image_decks(by_class_.begin(), by_class_.end());
  std::unordered_map<std::int64_t, std::int64_t> seen;

  std::vector<BatchRefs> batches(static_cast<std::size_t>(batches_));
  std::vector<std::int64_t> drawn_classes, images;
  for (BatchRefs& batch : batches) {
    drawn_classes.clear();
    class_deck.draw(p, drawn_classes, g);
    images.clear();
    for (const std::int64_t c : drawn_classes) image_decks[c].draw(k, images, g);
    for (const std::int64_t i : images) batch.push_back({i, seen[i]++});
  }
  return batches;
}

std::uint64_t PKSampler::order_hash(std::int64_t epoch) const {
  std::uint64_t h = 14695981039346656037ull;  // FNV-1a over the 64-bit words, with a final mix
  for (const BatchRefs& batch : this->epoch(epoch))
    for (const SampleRef& s : batch)
      for (const std::int64_t word : {s.index, s.occurrence})
        h = (h ^ static_cast<std::uint64_t>(word)) * 1099511628211ull;
  return h ^ h >> 32;
}

std::vector<BatchRefs> sequential_batches(std::int64_t size, std::int64_t batch_size) {
  if (batch_size < 1)
    throw Error(ErrorKind::Usage, "", "batch size " + std::to_string(batch_size) + " must be positive");
  std::vector<BatchRefs> batches;
  for (std::int64_t i = 0; i < size; ++i) {
    if (i % batch_size == 0) batches.emplace_back();
    batches.back().push_back({i, 0});
  }
  return batches;
}

}  // namespace fledge
