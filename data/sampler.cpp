#include "data/sampler.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
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

std::int64_t labeled_part(const PKSamplerOptions& o) { return o.batch_size - o.unlabeled_per_batch; }
std::int64_t classes_per_batch(const PKSamplerOptions& o) { return labeled_part(o) / o.images_per_class; }

void check_batch(const PKSamplerOptions& o) {
  const std::int64_t k = o.images_per_class, m = o.unlabeled_per_batch;
  if (o.batch_size < 1 || k < 1)
    throw Error(ErrorKind::Usage, "",
                "batch size " + std::to_string(o.batch_size) + " and images per class " + std::to_string(k) +
                    " must be positive");
  if (m < 0 || m >= o.batch_size)
    throw Error(ErrorKind::Usage, "",
                std::to_string(m) + " pictures without a label in a batch of " + std::to_string(o.batch_size) +
                    ": there must be at least 0, and fewer than the batch has");
  if (labeled_part(o) % k == 0) return;
  const std::int64_t below = labeled_part(o) / k * k;
  throw Error(
      ErrorKind::Usage, "",
      "batch size " + std::to_string(o.batch_size) +
          (m > 0 ? " less " + std::to_string(m) + " pictures without a label" : "") + " is not divisible by " +
          std::to_string(k) + " images per class",
      "the nearest that are: " + (below ? std::to_string(below + m) + " and " : "") + std::to_string(below + k + m));
}

void check_classes(std::int64_t classes, const PKSamplerOptions& o) {
  const std::int64_t wanted = classes_per_batch(o);
  if (classes >= wanted) return;
  std::string hint = "use a data set with more classes";
  if (classes > 0)
    hint = "use a batch size of at most " + std::to_string(classes * o.images_per_class + o.unlabeled_per_batch) +
           ", or more images per class";
  throw Error(ErrorKind::Usage, "",
              "a batch of " + std::to_string(labeled_part(o)) + (o.unlabeled_per_batch > 0 ? " labelled images" : "") +
                  " with " + std::to_string(o.images_per_class) + " images per class needs " + std::to_string(wanted) +
                  " classes, the data set has " + std::to_string(classes),
              hint);
}

void check_super_classes(const std::vector<std::vector<std::int64_t>>& groups, const PKSamplerOptions& o) {
  const std::int64_t s = o.super_classes_per_batch, p = classes_per_batch(o);
  const std::string wanted = std::to_string(s) + " super-classes per batch";
  if (s > static_cast<std::int64_t>(groups.size()))
    throw Error(ErrorKind::Usage, "", wanted + ": the data set has " + std::to_string(groups.size()));
  if (p % s != 0)
    throw Error(ErrorKind::Usage, "", wanted + " do not divide its " + std::to_string(p) + " classes",
                "batch size / images per class / super-classes per batch must be whole");
  for (const auto& group : groups)
    if (static_cast<std::int64_t>(group.size()) < p / s)
      throw Error(ErrorKind::Usage, "",
                  wanted + " need " + std::to_string(p / s) + " classes each, one has " + std::to_string(group.size()),
                  "use more super-classes per batch, a smaller batch or more images per class");
}

/// Every class once, under the number of its group.
std::vector<std::int64_t> tickets(const std::vector<std::vector<std::int64_t>>& groups) {
  std::vector<std::int64_t> out;
  for (std::size_t s = 0; s < groups.size(); ++s) out.insert(out.end(), groups[s].size(), static_cast<std::int64_t>(s));
  return out;
}

/// Draws the classes of a batch.
class ClassDecks {
 public:
  ClassDecks(std::size_t classes, const std::vector<std::vector<std::int64_t>>& super_classes, std::size_t per_batch)
      : choice_(super_classes.empty() ? numbers(classes) : tickets(super_classes)),
        inside_(super_classes.begin(), super_classes.end()),
        per_batch_(per_batch) {}

  void draw(std::size_t count, std::vector<std::int64_t>& hand, Generator& g) {
    if (inside_.empty()) return choice_.draw(count, hand, g);
    std::vector<std::int64_t> chosen;
    choice_.draw(per_batch_, chosen, g);
    for (const std::int64_t s : chosen) inside_[s].draw(count / per_batch_, hand, g);
  }

 private:
  static std::vector<std::int64_t> numbers(std::size_t count) {
    std::vector<std::int64_t> out(count);
    std::iota(out.begin(), out.end(), 0);
    return out;
  }

  Deck choice_;  // of classes, or of super-classes
  std::vector<Deck> inside_;
  std::size_t per_batch_;  // super-classes
};

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
  if (options.super_classes_per_batch != 0) take_super_classes(dataset);
  if (options.unlabeled_per_batch > 0) {
    for (std::int64_t i = 0; i < dataset.size(); ++i)
      if (dataset.label(i) < 0) unlabeled_.push_back(i);
    if (unlabeled_.empty())
      throw Error(ErrorKind::Usage, "",
                  std::to_string(options.unlabeled_per_batch) +
                      " pictures without a label per batch, but every picture of the data set has one",
                  "hide a share of the labels or add a folder of pictures without labels");
    images += static_cast<std::int64_t>(unlabeled_.size());
  }
  batches_ = options.batches_per_epoch > 0 ? options.batches_per_epoch
                                           : std::max<std::int64_t>(1, images / options.batch_size);
  if (alone.empty()) return;
  std::string text = std::to_string(alone.size()) + " of " + std::to_string(by_class_.size()) +
                     " classes have one image only (" + alone[0];
  for (std::size_t i = 1; i < std::min<std::size_t>(alone.size(), 3); ++i) text += ", " + alone[i];
  text += alone.size() > 3 ? ", ...)" : ")";
  warnings_.push_back(text + ": their positives are the same picture, augmented differently");
}

void PKSampler::take_super_classes(const Dataset& dataset) {
  if (options_.super_classes_per_batch < 0)
    throw Error(ErrorKind::Usage, "",
                "super-classes per batch " + std::to_string(options_.super_classes_per_batch) + " must be at least 0");
  std::map<std::int64_t, std::vector<std::int64_t>> groups;
  for (std::size_t c = 0; c < by_class_.size(); ++c) {
    const std::int64_t s = dataset.super_class(by_class_[c].front());
    if (s < 0)
      throw Error(ErrorKind::Usage, "",
                  "super-classes per batch " + std::to_string(options_.super_classes_per_batch) +
                      ": the data set has no super-classes (" + dataset.description() + ")",
                  "leave super-classes per batch at 0");
    groups[s].push_back(static_cast<std::int64_t>(c));
  }
  for (auto& [s, classes] : groups) by_super_class_.push_back(std::move(classes));
  check_super_classes(by_super_class_, options_);
}

std::vector<BatchRefs> PKSampler::epoch(std::int64_t epoch) const {
  const std::uint64_t e = static_cast<std::uint64_t>(epoch);
  Generator g = Generator::of({options_.seed, e, 0x504bull});                  // "PK": apart from the augmentation's
  Generator g_unlabeled = Generator::of({options_.seed, e, 0x756e6c6162ull});  // "unlab"
  const std::size_t k = static_cast<std::size_t>(options_.images_per_class),
                    p = static_cast<std::size_t>(classes_per_batch(options_)),
                    m = static_cast<std::size_t>(options_.unlabeled_per_batch);
  ClassDecks class_decks(by_class_.size(), by_super_class_, static_cast<std::size_t>(options_.super_classes_per_batch));
  std::vector<Deck> image_decks(by_class_.begin(), by_class_.end());
  Deck unlabeled(unlabeled_);
  std::unordered_map<std::int64_t, std::int64_t> seen;

  std::vector<BatchRefs> batches(static_cast<std::size_t>(batches_));
  std::vector<std::int64_t> drawn_classes, images;
  for (BatchRefs& batch : batches) {
    drawn_classes.clear();
    class_decks.draw(p, drawn_classes, g);
    images.clear();
    for (const std::int64_t c : drawn_classes)
      image_decks[c].draw(options_.repeat_small_classes ? k : std::min(k, by_class_[c].size()), images, g);
    unlabeled.draw(m, images, g_unlabeled);
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
