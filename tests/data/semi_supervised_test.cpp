#include <catch2/catch.hpp>
#include <cmath>

#include "data/loader.h"
#include "tests/data/made_dataset.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

std::vector<std::int64_t> labeled_per_class(const Dataset& d) {
  std::vector<std::int64_t> counts;
  for (const auto& images : d.by_class()) counts.push_back(static_cast<std::int64_t>(images.size()));
  return counts;
}

std::set<std::int64_t> labeled(const Dataset& d) {
  std::set<std::int64_t> out;
  for (std::int64_t i = 0; i < d.size(); ++i)
    if (d.label(i) >= 0) out.insert(i);
  return out;
}

PKSamplerOptions semi_supervised(std::int64_t batch, std::int64_t k, std::int64_t unlabeled) {
  PKSamplerOptions o;
  o.batch_size = batch;
  o.images_per_class = k;
  o.unlabeled_per_batch = unlabeled;
  o.seed = 5;
  return o;
}

}  // namespace

TEST_CASE("hidden labels: the share of every class, at least one picture, chosen by the seed") {
  const auto d = std::make_shared<Made>(std::vector<int>{10, 20, 1, 3, 100});
  CHECK(labeled_per_class(*hide_labels(d, 0.1, 0)) == std::vector<std::int64_t>{1, 2, 1, 1, 10});
  CHECK(labeled_per_class(*hide_labels(d, 0.25, 0)) == std::vector<std::int64_t>{3, 5, 1, 1, 25});  // 2.5 is rounded up
  CHECK(labeled_per_class(*hide_labels(d, 0.5, 0)) == std::vector<std::int64_t>{5, 10, 1, 2, 50});
  CHECK(labeled(*hide_labels(d, 1, 0)).size() == 134);
  const auto a = hide_labels(d, 0.3, 7);
  CHECK(labeled(*a) == labeled(*hide_labels(d, 0.3, 7)));
  CHECK(labeled(*a) != labeled(*hide_labels(d, 0.3, 8)));
  for (const std::int64_t i : labeled(*a)) {
    CHECK(a->label(i) == d->label(i));
    CHECK(labeled(*hide_labels(d, 0.6, 7)).count(i) == 1);  // a larger share holds the smaller one
  }
  CHECK(a->size() == d->size());
  CHECK(a->classes() == d->classes());
  CHECK(a->name(40) == d->name(40));
  CHECK(a->image(40).rgb == d->image(40).rgb);
  CHECK_THAT(a->description(), Contains("with a label"));
  for (const double share : {0.0, -0.1, 1.1, std::nan("")}) {
    ErrorKind kind = ErrorKind::Internal;
    CHECK_THAT(error_of([&] { hide_labels(d, share, 0); }, &kind), Contains("labelled share"));
    CHECK(kind == ErrorKind::Usage);
  }
}

TEST_CASE("pictures without labels stand behind those with") {
  const auto a = std::make_shared<Made>(std::vector<int>{3, 2}), b = std::make_shared<Made>(std::vector<int>{1, 1, 2});
  a->super_classes = {0, 1};
  b->super_classes = {0, 0, 0};
  a->boxes[1] = {1, 2, 3, 4};
  b->boxes[3] = {5, 6, 7, 8};
  const auto d = append_unlabeled(a, b);
  CHECK(d->size() == 9);
  CHECK(d->classes() == 2);
  CHECK(labeled(*d) == std::set<std::int64_t>{0, 1, 2, 3, 4});
  CHECK(d->label(4) == 1);
  CHECK(d->super_class(4) == 1);
  CHECK(d->super_class(5) == -1);
  CHECK(d->name(5) == "pic0");
  CHECK(d->image(8).rgb == b->image(3).rgb);
  CHECK(d->box(1)->top == 2);
  CHECK(d->box(8)->left == 5);
  CHECK_FALSE(d->box(5));
  // Choosing classes keeps their labelled pictures only; a part keeps what it has no label for.
  const auto second = select_classes(d, {1});
  CHECK(second->size() == 2);
  CHECK(second->label(0) == 0);
}

TEST_CASE("the last M of a batch have no label, come without replacement, and all others have one") {
  const auto d = hide_labels(std::make_shared<Made>(std::vector<int>{20, 20, 20, 20, 20}), 0.4, 1);
  const PKSampler sampler(*d, semi_supervised(20, 4, 8));
  CHECK(sampler.batches_per_epoch() == 5);  // 100 pictures, labelled or not
  std::map<std::int64_t, int> uses;
  for (const BatchRefs& batch : sampler.epoch(2)) {
    REQUIRE(batch.size() == 20);
    std::map<std::int64_t, int> classes;
    for (std::size_t i = 0; i < 12; ++i) ++classes[d->label(batch[i].index)];
    CHECK(classes.size() == 3);
    for (const auto& [label, count] : classes) {
      CHECK(label >= 0);
      CHECK(count == 4);
    }
    for (std::size_t i = 12; i < 20; ++i) {
      CHECK(d->label(batch[i].index) == -1);
      CHECK(batch[i].occurrence == uses[batch[i].index]++);
    }
  }
  CHECK(uses.size() == 40);  // 5 * 8 of the 60, none twice
  CHECK(sampler.order_hash(2) == PKSampler(*d, semi_supervised(20, 4, 8)).order_hash(2));
  CHECK(sampler.order_hash(2) != sampler.order_hash(3));

  // The labelled part is what it is without the others, and a data set's unlabelled pictures count only where used.
  PKSamplerOptions alone = semi_supervised(12, 4, 0);
  CHECK(PKSampler(*d, alone).batches_per_epoch() == 3);
  alone.batches_per_epoch = 5;
  const auto plain = PKSampler(*d, alone).epoch(2), mixed = sampler.epoch(2);
  for (std::size_t b = 0; b < 5; ++b)
    for (std::size_t i = 0; i < 12; ++i) CHECK(plain[b][i].index == mixed[b][i].index);

  // A long epoch goes round: every picture is used equally often.
  PKSamplerOptions longer = semi_supervised(20, 4, 8);
  longer.batches_per_epoch = 15;
  uses.clear();
  for (const BatchRefs& batch : PKSampler(*d, longer).epoch(0))
    for (std::size_t i = 12; i < 20; ++i) ++uses[batch[i].index];
  CHECK(uses.size() == 60);
  for (const auto& [index, count] : uses) CHECK(count == 2);
}

TEST_CASE("what the sampler says of unlabelled pictures it cannot have") {
  const auto all = std::make_shared<Made>(std::vector<int>{20, 20, 20});
  const auto d = hide_labels(all, 0.5, 1);
  const auto refused = [](const Dataset& data, const PKSamplerOptions& o) {
    ErrorKind kind = ErrorKind::Internal;
    const std::string text = error_of([&] { PKSampler(data, o); }, &kind);
    CHECK(kind == ErrorKind::Usage);
    return text;
  };
  CHECK_THAT(refused(*all, semi_supervised(20, 4, 8)), Contains("every picture of the data set has one"));
  CHECK_THAT(refused(*d, semi_supervised(20, 4, 7)),
             Contains("batch size 20 less 7 pictures without a label is not divisible by 4") && Contains("19 and 23"));
  CHECK_THAT(refused(*d, semi_supervised(20, 4, -1)), Contains("at least 0"));
  CHECK_THAT(refused(*d, semi_supervised(20, 4, 20)), Contains("fewer than the batch has"));
  CHECK_THAT(refused(*d, semi_supervised(24, 4, 8)),
             Contains("needs 4 classes, the data set has 3") && Contains("at most 20"));
}

TEST_CASE("the loader carries pictures without a label, and replaces a bad one by another of them") {
  const auto bad = std::make_shared<Made>(std::vector<int>{6}, std::set<std::int64_t>{1, 2, 5});
  const auto d = append_unlabeled(std::make_shared<Made>(std::vector<int>{2, 2}), bad);
  LoaderOptions o;
  o.size = 16;
  o.on_bad_image = OnBadImage::Skip;
  o.max_bad_fraction = 1;
  for (const int workers : {0, 2}) {
    o.workers = workers;
    Loader loader(d, sequential_batches(10, 10), evaluation_views(d, {0, 16}), o);
    const auto batch = loader.next();
    const std::vector<std::int64_t> labels = batch->labels.to_vector<std::int64_t>();
    CHECK(labels == std::vector<std::int64_t>{0, 0, 1, 1, -1, -1, -1, -1, -1, -1});
    const std::vector<std::int64_t> shown = {0, 1, 2, 3, 4, 7, 7, 7, 8, 4};
    for (std::size_t i = 0; i < 10; ++i) CHECK(batch->samples[i].index == shown[i]);
    CHECK(batch->bad.size() == 3);
  }
  const auto none = append_unlabeled(std::make_shared<Made>(std::vector<int>{2}),
                                     std::make_shared<Made>(std::vector<int>{2}, std::set<std::int64_t>{0, 1}));
  Loader stuck(none, sequential_batches(4, 4), evaluation_views(none, {0, 16}), o);
  CHECK_THAT(error_of([&] { stuck.next(); }), Contains("no other image without a label"));
}
