// Losses of pairs against pytorch-metric-learning in float64: values and gradients (tests/golden/make_pair_losses.py).
#include <catch2/catch.hpp>

#include "autograd/ops/eltwise.h"
#include "nn/losses/pairs/contrastive.h"
#include "nn/losses/pairs/memory.h"
#include "nn/losses/pairs/multi_similarity.h"
#include "nn/losses/pairs/softmax_pairs.h"
#include "nn/losses/pairs/triplet.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const NamedTensors& goldens() {
  static const NamedTensors file = golden_file("pair_losses.safetensors");
  return file;
}
Tensor golden(const std::string& name) { return find(goldens(), name); }

using Function = std::function<LossOutput(const Variable&)>;

/// Value and gradient in float64 to `tolerance` of their size, from 3 * value: the seed must count. Then in float32.
void check(const std::string& name, const std::string& input, const Function& loss, double tolerance = 1e-11) {
  INFO(name);
  const Variable f(golden(input).clone(), true);
  const Variable value = loss(f).value;
  CHECK(value.item() == Approx(golden(name).item()).epsilon(tolerance));
  (3.0 * value).backward();
  REQUIRE(f.grad().defined());
  const std::vector<double> got = f.grad().to_vector<double>(), expected = golden(name + ".grad").to_vector<double>();
  REQUIRE(got.size() == expected.size());
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::abs(got[i] / 3 - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  CHECK(largest > 0);
  CHECK(worst <= tolerance * largest);

  const Variable single(golden(input).to(DType::Float32), true);
  const LossOutput out = loss(single);
  CHECK(out.value.value().dtype() == DType::Float32);
  CHECK(out.value.item() == Approx(golden(name).item()).epsilon(1e-5));
  out.value.backward();
  CHECK(relative_error(single.grad().to(DType::Float64), golden(name + ".grad")) < 1e-4);
}

PairBatch within(const Variable& f) { return pairs_within("test", f, golden("labels")); }
std::string text(double x) { return x == 0 ? "0.0" : x == 1 ? "1.0" : std::to_string(x).substr(0, x < 0.1 ? 4 : 3); }

}  // namespace

TEST_CASE("contrastive losses equal pytorch-metric-learning's and Hadsell's", "[losses][pairs][golden]") {
  for (const std::string input : {"f", "raw"})
    for (const auto& [u, m] : {std::pair(0.0, 1.0), std::pair(0.7, 1.3)}) {
      const std::string margins = "." + text(u) + "." + text(m) + ".";
      const auto run = [&](const std::string& name, ContrastiveForm form) {
        check("contrastive." + name + margins + input, input, [&, u = u, m = m](const Variable& f) {
          return contrastive(within(f), {form, u, m});
        });
      };
      run("pml", ContrastiveForm::Pml);
      run("hadsell", ContrastiveForm::Hadsell);
    }
}

TEST_CASE("multi-similarity equals pytorch-metric-learning's loss and miner", "[losses][pairs][golden]") {
  const auto run = [](const std::string& name, const std::string& input, const MultiSimilarityOptions& options) {
    check("ms." + name + "." + input, input, [&](const Variable& f) { return multi_similarity(within(f), options); });
  };
  for (const std::string input : {"f", "raw"}) {
    run("all", input, {.miner = false});
    run("mined0.0", input, {.epsilon = 0});
    run("mined0.1", input, {});
  }
  run("other", "f", {.alpha = 5, .beta = 20, .lambda = 0.3, .miner = false});
}

TEST_CASE("n-pair, nt-xent and supcon equal pytorch-metric-learning's", "[losses][pairs][golden]") {
  for (const std::string input : {"f", "raw"}) {
    check("n_pair." + input, input, [](const Variable& f) { return n_pair(f, golden("labels")); });
    check("n_pair.l2." + input, input, [](const Variable& f) { return n_pair(f, golden("labels"), 0.02); });
    for (const double t : {0.07, 0.5})
      check("nt_xent." + text(t) + "." + input, input, [t](const Variable& f) { return nt_xent(within(f), t); });
    for (const double t : {0.1, 0.5})
      check("supcon." + text(t) + "." + input, input, [t](const Variable& f) { return supcon(within(f), t); });
  }
}

TEST_CASE("mined triplets equal pytorch-metric-learning's", "[losses][pairs][golden]") {
  const auto run = [](const std::string& kind, TripletMiner miner) {
    const auto loss = [miner](TripletMargin form) {
      return [=](const Variable& f) { return triplet_all(within(f), {.margin = 0.2, .form = form, .miner = miner}); };
    };
    if (miner != TripletMiner::Easy) check("triplet." + kind + ".hinge", "f", loss(TripletMargin::Hinge));
    check("triplet." + kind + ".soft", "f", loss(TripletMargin::Soft));
  };
  run("easy", TripletMiner::Easy);
  run("semihard", TripletMiner::Semihard);
  run("hard", TripletMiner::Hard);
}

TEST_CASE("semi-hard triplets equal the rule written out", "[losses][pairs][golden]") {
  for (const TripletMargin form : {TripletMargin::Hinge, TripletMargin::Soft})
    check(form == TripletMargin::Hinge ? "semihard.hinge" : "semihard.soft", "wide",
          [form](const Variable& f) { return triplet_semihard(within(f), 0.2, form); });
}

TEST_CASE("the memory over five batches equals pytorch-metric-learning's", "[losses][pairs][golden][memory]") {
  const auto run = [](const std::string& name, const MemoryLoss::PairLoss& loss) {
    // Their queue of 19 holds the batch of 8 too.
    MemoryLoss memory(loss, golden("f").dim(1), {.size = 11});
    memory.to(DType::Float64);
    for (int t = 0; t < 5; ++t) {
      const Tensor labels = golden("memory.labels" + std::to_string(t));
      ModelOutput student;
      const auto forward = [&](const Variable& f) {
        student.embedding = f;
        return memory.forward({student, labels, nullptr, t});
      };
      check("memory." + name + std::to_string(t), "memory.f" + std::to_string(t), forward);
      student.embedding = Variable(golden("memory.f" + std::to_string(t)));
      memory.after_step({student, labels, nullptr, t});
    }
  };
  run("contrastive", [](const PairBatch& b) { return contrastive(b, {ContrastiveForm::Pml, 0, 1}); });
  run("ms", [](const PairBatch& b) { return multi_similarity(b); });
  run("ms_all", [](const PairBatch& b) { return multi_similarity(b, {.miner = false}); });
  run("triplet", [](const PairBatch& b) { return triplet_all(b, {}); });
}
