#include <catch2/catch.hpp>
#include <cmath>

#include "data/sampler.h"
#include "tests/data/made_dataset.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

/// Super-classes of so many classes each, every class of four pictures.
Made grouped(const std::vector<int>& classes) {
  std::vector<int> sizes;
  std::vector<std::int64_t> groups;
  for (std::size_t s = 0; s < classes.size(); ++s)
    for (int c = 0; c < classes[s]; ++c) {
      sizes.push_back(4);
      groups.push_back(static_cast<std::int64_t>(s));
    }
  Made d(sizes);
  d.super_classes = groups;
  return d;
}

PKSamplerOptions sampling(std::int64_t batch, std::int64_t k, std::int64_t super_classes, std::int64_t batches = 0) {
  PKSamplerOptions o;
  o.batch_size = batch;
  o.images_per_class = k;
  o.super_classes_per_batch = super_classes;
  o.batches_per_epoch = batches;
  o.seed = 11;
  return o;
}

}  // namespace

TEST_CASE("a batch's classes come from S super-classes, P / S of each, and all classes equally often") {
  const Made d = grouped({40, 10, 25, 5, 20});
  const int batches = 500;  // 2 super-classes of 4 classes: each of the 100 classes 40 times
  const PKSampler sampler(d, sampling(16, 2, 2, batches));
  std::map<std::int64_t, int> visits;
  for (const BatchRefs& batch : sampler.epoch(1)) {
    REQUIRE(batch.size() == 16);
    std::map<std::int64_t, std::set<std::int64_t>> groups;
    for (const SampleRef& s : batch) groups[d.super_class(s.index)].insert(d.label(s.index));
    CHECK(groups.size() == 2);
    for (const auto& [s, classes] : groups) {
      CHECK(classes.size() == 4);
      for (const std::int64_t c : classes) ++visits[c];
    }
  }
  CHECK(visits.size() == 100);
  for (const auto& [c, count] : visits) CHECK(std::abs(count - 40) <= 6);
  CHECK(sampler.order_hash(1) == PKSampler(d, sampling(16, 2, 2, batches)).order_hash(1));
  CHECK(sampler.order_hash(1) != sampler.order_hash(2));
  CHECK(sampler.order_hash(1) != PKSampler(d, sampling(16, 2, 0, batches)).order_hash(1));
  CHECK(PKSampler(d, sampling(16, 2, 2)).batches_per_epoch() == 25);
}

TEST_CASE("all super-classes in every batch, and one alone") {
  const Made d = grouped({6, 6, 6});
  for (const std::int64_t wanted : {1, 3})
    for (const BatchRefs& batch : PKSampler(d, sampling(12, 2, wanted, 20)).epoch(0)) {
      std::set<std::int64_t> groups;
      for (const SampleRef& s : batch) groups.insert(d.super_class(s.index));
      CHECK(static_cast<std::int64_t>(groups.size()) == wanted);
    }
}

TEST_CASE("what the sampler says of super-classes it cannot have") {
  const auto refused = [](const Dataset& d, const PKSamplerOptions& o) {
    ErrorKind kind = ErrorKind::Internal;
    const std::string text = error_of([&] { PKSampler(d, o); }, &kind);
    CHECK(kind == ErrorKind::Usage);
    return text;
  };
  CHECK_THAT(refused(Made({8, 8, 8, 8}), sampling(8, 2, 2)), Contains("the data set has no super-classes (made)"));
  const Made d = grouped({6, 6, 2});
  CHECK_THAT(refused(d, sampling(8, 2, -1)), Contains("must be at least 0"));
  CHECK_THAT(refused(d, sampling(8, 2, 4)), Contains("4 super-classes per batch: the data set has 3"));
  CHECK_THAT(refused(d, sampling(8, 2, 3)), Contains("3 super-classes per batch do not divide its 4 classes"));
  CHECK_THAT(refused(d, sampling(12, 2, 2)), Contains("need 3 classes each, one has 2"));
}
