// Cross-batch memory: what it keeps, when, and that a state dict holds all of it. Options of the losses of pairs.
#include <catch2/catch.hpp>

#include "autograd/ops/eltwise.h"
#include "nn/losses/pairs/contrastive.h"
#include "nn/losses/pairs/memory.h"
#include "nn/losses/pairs/multi_similarity.h"
#include "nn/losses/pairs/softmax_pairs.h"
#include "nn/losses/pairs/triplet.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/random.h"
#include "tests/nn/losses/batches.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

struct Batch {
  ModelOutput student;
  Tensor labels;
  std::int64_t step;
  LossInput input() const { return {student, labels, nullptr, step}; }
};

/// Four unit embeddings of two classes, a function of the step.
Batch batch_at(std::int64_t step, std::int64_t n = 4) {
  Generator g(100 + static_cast<std::uint64_t>(step));
  Batch b;
  b.student.embedding = Variable(l2_normalize(rand_normal({n, 5}, g)).y, true);
  std::vector<std::int64_t> y;
  for (std::int64_t i = 0; i < n; ++i) y.push_back(i % 2 + step % 3);
  b.labels = labels_of(y);
  b.step = step;
  return b;
}

std::vector<float> rows(const Batch& b, std::int64_t first, std::int64_t count) {
  return b.student.embedding.value().slice(0, first, count).to_vector<float>();
}
Tensor state_of(const Module& m, const std::string& name) {
  for (const auto& [key, tensor] : state_dict(m))
    if (key == name) return tensor;
  FAIL("no " << name);
  return {};
}
std::vector<float> memory_rows(const MemoryLoss& m, std::int64_t first, std::int64_t count) {
  return state_of(m, "embeddings").slice(0, first, count).to_vector<float>();
}

const MemoryLoss::PairLoss kContrastive = [](const PairBatch& b) { return contrastive(b); };

}  // namespace

TEST_CASE("the memory keeps the last embeddings, the oldest give way", "[losses][memory]") {
  MemoryLoss memory(kContrastive, 5, {.size = 6});
  CHECK(number(memory.forward(batch_at(0).input()), "memory") == 0);
  memory.after_step(batch_at(0).input());
  CHECK(state_of(memory, "seen").to_vector<std::int64_t>() == std::vector<std::int64_t>{4});
  CHECK(memory_rows(memory, 0, 4) == rows(batch_at(0), 0, 4));
  CHECK(number(memory.forward(batch_at(1).input()), "memory") == 4);
  memory.after_step(batch_at(1).input());  // two rows at the end, two over the oldest
  CHECK(memory_rows(memory, 4, 2) == rows(batch_at(1), 0, 2));
  CHECK(memory_rows(memory, 0, 2) == rows(batch_at(1), 2, 2));
  CHECK(memory_rows(memory, 2, 2) == rows(batch_at(0), 2, 2));
  CHECK(state_of(memory, "labels").to_vector<std::int64_t>() == std::vector<std::int64_t>{1, 2, 0, 1, 1, 2});
  CHECK(number(memory.forward(batch_at(2).input()), "memory") == 6);
  // A batch larger than the memory: its last rows. 8 seen; row i of the batch goes to (8 + i) % 6.
  const Batch large = batch_at(2, 9);
  memory.after_step(large.input());
  for (std::int64_t i = 3; i < 9; ++i) CHECK(memory_rows(memory, (8 + i) % 6, 1) == rows(large, i, 1));
}

TEST_CASE("forward leaves the memory as it is", "[losses][memory]") {
  MemoryLoss memory(kContrastive, 5, {.size = 6});
  memory.after_step(batch_at(0).input());
  const std::vector<float> before = memory_rows(memory, 0, 6);
  const double first = memory.forward(batch_at(1).input()).value.item();
  CHECK(memory.forward(batch_at(1).input()).value.item() == first);
  CHECK(memory_rows(memory, 0, 6) == before);
  CHECK(state_of(memory, "seen").to_vector<std::int64_t>() == std::vector<std::int64_t>{4});
}

TEST_CASE("without anything remembered it is the loss of the batch with its references constant", "[losses][memory]") {
  const MemoryLoss memory(kContrastive, 5, {.size = 6});
  const Batch a = batch_at(0), b = batch_at(0);
  const Variable with = memory.forward(a.input()).value,
                 within = contrastive(pairs_within("test", b.student.embedding, b.labels)).value;
  CHECK(with.item() == Approx(within.item()));
  with.backward();
  within.backward();
  // Each pair is met from both sides, so half of the gradient is left.
  const std::vector<float> half = a.student.embedding.grad().to_vector<float>(),
                           whole = b.student.embedding.grad().to_vector<float>();
  for (std::size_t i = 0; i < half.size(); ++i) CHECK(2 * half[i] == Approx(whole[i]).margin(1e-6));
}

TEST_CASE("before its start the memory is neither filled nor used", "[losses][memory]") {
  MemoryLoss memory(kContrastive, 5, {.size = 6, .start = 2});
  for (std::int64_t step = 0; step < 2; ++step) {
    const Batch b = batch_at(step);
    const LossOutput out = memory.forward(b.input());
    CHECK(out.value.item() == contrastive(pairs_within("test", b.student.embedding, b.labels)).value.item());
    memory.after_step(b.input());
    CHECK(number(out, "memory") == 0);
  }
  CHECK(number(memory.forward(batch_at(2).input()), "memory") == 0);
  memory.after_step(batch_at(2).input());
  CHECK(number(memory.forward(batch_at(3).input()), "memory") == 4);
}

TEST_CASE("a memory from a state dict goes on bit for bit", "[losses][memory]") {
  const LossSetup setup{.embedding = 5};
  for (const char* kind : {"contrastive", "multi-similarity", "triplet"}) {
    INFO(kind);
    const LossOptions options = {{"memory-loss", kind}, {"memory-size", "10"}, {"memory-start", "1"}};
    const std::shared_ptr<Loss> whole = make_loss("memory", options, setup);
    std::vector<double> values;
    NamedTensors saved;
    for (std::int64_t step = 0; step < 8; ++step) {
      if (step == 4)
        for (const auto& [name, tensor] : state_dict(*whole)) saved.emplace_back(name, tensor.clone());
      values.push_back(whole->forward(batch_at(step).input()).value.item());
      whole->after_step(batch_at(step).input());
    }
    const std::shared_ptr<Loss> resumed = make_loss("memory", options, setup);
    load_state_dict(*resumed, saved);
    for (std::int64_t step = 4; step < 8; ++step) {
      CHECK(resumed->forward(batch_at(step).input()).value.item() == values[step]);
      resumed->after_step(batch_at(step).input());
    }
    CHECK(state_of(*resumed, "embeddings").to_vector<float>() == state_of(*whole, "embeddings").to_vector<float>());
  }
}

TEST_CASE("the memory refuses what does not fit", "[losses][memory]") {
  CHECK_THROWS_WITH(MemoryLoss(kContrastive, 0), Contains("size of the embedding is 0"));
  CHECK_THROWS_AS(MemoryLoss(kContrastive, 5, {.size = 0}), Error);
  MemoryLoss other(kContrastive, 7);
  CHECK_THROWS_WITH(other.forward(batch_at(0).input()), Contains("1024x7") || Contains("0x7"));
  MemoryLoss damaged(kContrastive, 5);
  state_of(damaged, "seen").fill(-3);
  CHECK_THROWS_WITH(damaged.forward(batch_at(0).input()), Contains("-3 were seen"));
  const LossSetup setup{.embedding = 5};
  CHECK_THROWS_WITH(make_loss("memory", {{"memory-size", "10.5"}}, setup), Contains("whole number"));
  CHECK_THROWS_WITH(make_loss("memory", {{"memory-size", "0"}}, setup), Contains("memory-size is '0'"));
  CHECK_THROWS_WITH(make_loss("memory", {{"memory-loss", "tripelt"}}, setup), Contains("did you mean 'triplet'?"));
}

TEST_CASE("options reach the losses of pairs", "[losses][pairs][registry]") {
  const LossSetup setup{.embedding = 5};
  const Batch b = batch_at(3, 8);
  const Variable& f = b.student.embedding;
  const PairBatch pairs = pairs_within("test", f, b.labels);
  const auto value = [&](const std::string& name, const LossOptions& options) {
    const std::shared_ptr<Loss> loss = make_loss(name, options, setup);
    CHECK(loss->name() == name);
    CHECK(loss->needs().labels);
    return loss->forward(b.input()).value.item();
  };
  const auto same = [&](const std::string& name, const LossOptions& options, const LossOutput& out) {
    INFO(name);
    CHECK(value(name, options) == out.value.item());
  };
  same("contrastive", {}, contrastive(pairs, {ContrastiveForm::Pml, 0, 1}));
  same("contrastive", {{"contrastive-form", "hadsell"}, {"pos-margin", "0.1"}, {"neg-margin", "1.5"}},
       contrastive(pairs, {ContrastiveForm::Hadsell, 0.1, 1.5}));
  same("multi-similarity", {}, multi_similarity(pairs, {2, 50, 0.5, true, 0.1}));
  same("multi-similarity", {{"ms-alpha", "3"}, {"ms-beta", "40"}, {"ms-lambda", "0.4"}, {"ms-miner", "off"}},
       multi_similarity(pairs, {3, 40, 0.4, false, 0.1}));
  same("multi-similarity", {{"ms-epsilon", "0.5"}}, multi_similarity(pairs, {2, 50, 0.5, true, 0.5}));
  same("n-pair", {}, n_pair(f, b.labels));
  same("n-pair", {{"n-pair-l2", "0.02"}}, n_pair(f, b.labels, 0.02));
  same("nt-xent", {}, nt_xent(pairs, 0.07));
  same("nt-xent", {{"nt-temperature", "0.2"}}, nt_xent(pairs, 0.2));
  same("supcon", {}, supcon(pairs, 0.1));
  same("supcon", {{"supcon-temperature", "0.2"}}, supcon(pairs, 0.2));
  same("triplet", {{"miner", "hard"}}, triplet_all(pairs, {.miner = TripletMiner::Hard}));
  same("triplet", {{"miner", "semihard"}, {"margin", "0.3"}},
       triplet_all(pairs, {.margin = 0.3, .miner = TripletMiner::Semihard}));
  same("triplet", {{"miner", "easy"}, {"form", "soft"}},
       triplet_all(pairs, {.form = TripletMargin::Soft, .miner = TripletMiner::Easy}));
  same("triplet-semihard", {{"margin", "0.3"}}, triplet_semihard(pairs, 0.3, TripletMargin::Hinge));
  same("triplet-semihard", {{"form", "soft"}}, triplet_semihard(pairs, 0.2, TripletMargin::Soft));
  same("memory", {{"memory-loss", "triplet"}, {"margin", "0.5"}, {"memory-start", "9"}},
       triplet_all(pairs, {.margin = 0.5}));
  CHECK_THROWS_WITH(make_loss("triplet", {{"miner", "easy"}}, setup), Contains("form soft"));
  CHECK_THROWS_WITH(make_loss("nt-xent", {{"nt-temperature", "0"}}, setup), Contains("at least 0.001"));
  CHECK_THROWS_AS(make_loss("triplet-hard", {{"miner", "hard"}}, setup), Error);
}

TEST_CASE("an option of the losses of pairs has one default wherever it is declared", "[losses][pairs][registry]") {
  std::map<std::string, std::string> defaults;
  for (const auto& [name, entry] : loss_registry())
    for (const auto& [option, value] : entry.options) {
      INFO(name << " " << option);
      CHECK(defaults.emplace(option, value).first->second == value);
    }
}
