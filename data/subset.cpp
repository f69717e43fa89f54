#include "data/subset.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/random.h"

namespace fledge {
namespace {

class Subset : public DatasetView {
 public:
  Subset(std::shared_ptr<Dataset> base, std::vector<std::int64_t> indices, std::vector<std::int64_t> label_of,
         std::vector<std::string> names)
      : DatasetView(std::move(base)),
        indices_(std::move(indices)),
        label_of_(std::move(label_of)),
        names_(std::move(names)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  std::int64_t label(std::int64_t i) const override {
    const std::int64_t label = base_->label(indices_[i]);
    return label < 0 ? -1 : label_of_[label];
  }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string description() const override {
    return base_->description() + "; of these " + std::to_string(size()) + " images, " + std::to_string(classes()) +
           " classes";
  }

 private:
  std::int64_t at(std::int64_t i) const override { return indices_[i]; }

  std::vector<std::int64_t> indices_, label_of_;
  std::vector<std::string> names_;
};

[[noreturn]] void bad_classes(const std::string& text, const std::string& problem) {
  throw Error(ErrorKind::Usage, "", "classes '" + text + "': " + problem,
              "write ranks from 0 into the sorted class names, such as 0-4 or 0,2,7-9");
}

std::int64_t parse_rank(const std::string& text, std::size_t& at, std::int64_t classes) {
  const std::size_t start = at;
  std::int64_t v = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    v = std::min<std::int64_t>(v * 10 + (text[at] - '0'), 1ll << 40);
  if (at == start) bad_classes(text, "a number is missing at position " + std::to_string(at + 1));
  if (v >= classes)
    bad_classes(text, "rank " + text.substr(start, at - start) + " is too large, the data set has " +
                          std::to_string(classes) + " classes (0 to " + std::to_string(classes - 1) + ")");
  return v;
}

}  // namespace

std::shared_ptr<Dataset> make_subset(std::shared_ptr<Dataset> dataset, std::vector<std::int64_t> indices,
                                     std::vector<std::int64_t> label_of, std::vector<std::string> class_names) {
  return std::make_shared<Subset>(std::move(dataset), std::move(indices), std::move(label_of), std::move(class_names));
}

std::vector<std::int64_t> parse_class_ranks(const std::string& text, std::int64_t classes) {
  std::vector<std::int64_t> ranks;
  std::vector<bool> taken(static_cast<std::size_t>(classes), false);
  for (std::size_t at = 0;; ++at) {
    const std::int64_t first = parse_rank(text, at, classes);
    std::int64_t last = first;
    if (at < text.size() && text[at] == '-') last = parse_rank(text, ++at, classes);
    if (last < first)
      bad_classes(text, "the range " + std::to_string(first) + "-" + std::to_string(last) + " runs backwards");
    for (std::int64_t r = first; r <= last; ++r) {
      if (taken[r]) bad_classes(text, "rank " + std::to_string(r) + " is there twice");
      taken[r] = true;
      ranks.push_back(r);
    }
    if (at == text.size()) return ranks;
    if (text[at] != ',')
      bad_classes(text, std::string("unexpected '") + text[at] + "' at position " + std::to_string(at + 1));
  }
}

std::shared_ptr<Dataset> select_classes(std::shared_ptr<Dataset> dataset, const std::vector<std::int64_t>& classes) {
  std::vector<std::int64_t> label_of(static_cast<std::size_t>(dataset->classes()), -1);
  std::vector<std::string> names;
  for (const std::int64_t c : classes) {
    if (c < 0 || c >= dataset->classes() || label_of[c] >= 0)
      throw Error(ErrorKind::Usage, "select_classes",
                  "class " + std::to_string(c) + " is there twice or not one of the " +
                      std::to_string(dataset->classes()) + " classes");
    label_of[c] = static_cast<std::int64_t>(names.size());
    names.push_back(dataset->class_names()[c]);
  }
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < dataset->size(); ++i)
    if (const std::int64_t label = dataset->label(i); label >= 0 && label_of[label] >= 0) indices.push_back(i);
  return make_subset(std::move(dataset), std::move(indices), std::move(label_of), std::move(names));
}

std::pair<std::shared_ptr<Dataset>, std::shared_ptr<Dataset>> split_classes(std::shared_ptr<Dataset> dataset,
                                                                            double fraction, std::uint64_t seed) {
  const std::int64_t n = dataset->classes();
  if (!(fraction > 0 && fraction < 1) || n < 2)
    throw Error(ErrorKind::Usage, "split_classes",
                "cannot split " + std::to_string(n) + " classes by the fraction " + std::to_string(fraction),
                "the fraction lies between 0 and 1 and at least two classes are needed");
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) order[i] = i;
  Generator g = Generator::of({seed, 0x73706c6974ull});  // "split"
  g.shuffle(order);
  const std::int64_t second = std::clamp<std::int64_t>(std::llround(fraction * static_cast<double>(n)), 1, n - 1);
  std::vector<std::int64_t> a(order.begin() + second, order.end()), b(order.begin(), order.begin() + second);
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return {select_classes(dataset, a), select_classes(dataset, b)};
}

}  // namespace fledge
