// Every loss of pairs from the registry, trained by a few steps, tells unseen noisy pictures of the classes apart.
#include <catch2/catch.hpp>

#include "autograd/ops/distance.h"
#include "autograd/ops/gemm.h"
#include "nn/losses/pairs/pair_batch.h"
#include "nn/optim/registry.h"
#include "tensor/creation.h"
#include "tensor/random.h"

using namespace fledge;

namespace {

constexpr std::int64_t kClasses = 8, kPerClass = 4, kInput = 24, kEmbedding = 8;

/// Noisy pictures around a centre for each class, all with a common offset, as pooled features after a ReLU have.
Tensor noisy_pictures(const std::vector<float>& centers, Generator& g) {
  std::vector<float> x;
  for (std::int64_t i = 0; i < kClasses * kPerClass; ++i)
    for (std::int64_t k = 0; k < kInput; ++k)
      x.push_back(static_cast<float>(2 + centers[i / kPerClass * kInput + k] + 0.7 * g.normal()));
  return from_vector(x, {kClasses * kPerClass, kInput});
}

/// mean_negative / mean_positive of the distances of a batch.
double separation(const Variable& embedding, const Tensor& labels) {
  const PairBatch batch = pairs_within("test", embedding, labels);
  const LossNumbers numbers = pair_numbers(0, pair_distances(batch).value(), batch);
  return numbers[2].second.value() / numbers[1].second.value();
}

}  // namespace

TEST_CASE("each loss of pairs pulls classes apart in training", "[losses][pairs][training]") {
  Generator g(11);
  const std::vector<float> centers = rand_normal({kClasses, kInput}, g).to_vector<float>();
  std::vector<std::int64_t> y;
  for (std::int64_t i = 0; i < kClasses * kPerClass; ++i) y.push_back(i / kPerClass);
  const Tensor labels = from_vector(y, {kClasses * kPerClass}), held_out = noisy_pictures(centers, g);
  std::vector<std::pair<std::string, LossOptions>> runs = {{"triplet", {{"miner", "semihard"}}},
                                                           {"memory", {{"memory-loss", "multi-similarity"}}},
                                                           {"memory", {{"memory-loss", "triplet"}}},
                                                           {"contrastive", {{"contrastive-form", "hadsell"}}}};
  const LossSetup setup{.classes = kClasses, .embedding = kEmbedding};
  for (const auto& [name, entry] : loss_registry())
    if (entry.kind == LossKind::Metric && make_loss(name, {}, setup)->parameters().empty()) runs.push_back({name, {}});
  REQUIRE(runs.size() == 4 + 9);
  for (const auto& [name, options] : runs) {
    INFO(name << (options.empty() ? "" : " " + options.begin()->second));
    const std::shared_ptr<Loss> loss = make_loss(name, options, {.embedding = kEmbedding});
    Generator draws(5);
    const Variable w(rand_normal({kEmbedding, kInput}, draws, 0, 0.2), true);
    const auto embed = [&](const Tensor& x) { return l2_normalize(linear(Variable(x), w, {})); };
    const double before = separation(embed(held_out), labels);
    const auto optimizer = make_optimizer({{"all", {{"w", w}}}}, {.kind = "adam"});
    for (std::int64_t step = 0; step < 60; ++step) {
      ModelOutput student;
      student.embedding = embed(noisy_pictures(centers, draws));
      const LossInput input{student, labels, nullptr, step};
      optimizer->zero_grad();
      loss->forward(input).value.backward();
      optimizer->step(0.02);
      loss->after_step(input);
    }
    const double after = separation(embed(held_out), labels);
    INFO("mean negative over mean positive distance: " << before << " before, " << after << " after");
    CHECK(after > 1.3 * before);
  }
}
