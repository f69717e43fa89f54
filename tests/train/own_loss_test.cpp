// A loss of a program's own: the settings of a run, their help and the messages of errors know it like any other.
#include <algorithm>
#include <catch2/catch.hpp>

#include "autograd/ops/ops.h"
#include "base/error.h"
#include "nn/losses/function_loss.h"
#include "train/spec/options.h"

using namespace fledge;
using Catch::Contains;

namespace {

LossEntry own_loss(const std::string& name, const OptionDefaults& options = {}) {
  return {name, LossKind::Teacher, "dot products of the embeddings", options,
          [](const OptionReader& read, const LossSetup&) {
            return loss_of_teacher(read.loss(), [](const Variable& f, const Tensor& g) {
              return LossOutput{-mean(sum(f * Variable(g), {1})), {}};
            });
          }};
}

/// It stays for the tests after this one, as in a program.
void register_once() {
  if (!loss_registry().count("own-dot"))
    register_loss(own_loss("own-dot", {{"own-dot-scale", "2"}, {"margin", "0.2"}}));
}

}  // namespace

TEST_CASE("a registered loss is a word of --distill, its options are settings", "[losses][registry]") {
  register_once();
  RunSpec spec;
  Fields rows;
  bind_training(rows, spec, true);
  CHECK_THAT(rows.find("distill")->help, Contains("own-dot"));
  CHECK_THAT(rows.find("loss")->help, !Contains("own-dot"));
  REQUIRE(rows.find("own-dot-scale"));
  CHECK(rows.find("own-dot-scale")->help == "option of loss own-dot");
  CHECK(spec.loss.options.at("own-dot-scale") == "2");
  CHECK(std::count_if(rows.begin(), rows.end(), [](const Field& row) { return row.key == "margin"; }) == 1);
  RunSpec without;
  Fields metric_only;
  bind_training(metric_only, without, false);
  CHECK_FALSE(metric_only.find("own-dot-scale"));
}

TEST_CASE("a registered loss is made, and suggested for a wrong name", "[losses][registry]") {
  register_once();
  const std::shared_ptr<Loss> loss = make_loss("own-dot", {{"own-dot-scale", "3"}}, {});
  CHECK(loss->name() == std::string("own-dot"));
  CHECK(loss->needs().teacher_embedding);
  CHECK_THROWS_WITH(make_loss("own-dto", {}, {}), Contains("did you mean 'own-dot'?"));
  CHECK_THROWS_WITH(make_loss("own-dot", {{"own-scale", "3"}}, {}), Contains("no option 'own-scale'"));
}

TEST_CASE("what cannot be a loss is refused when it is registered", "[losses][registry]") {
  CHECK_THROWS_WITH(register_loss(own_loss("triplet")), Contains("there already"));
  for (const char* name : {"", "none", "a=b", "a,b", "-a", "Own", "a b"}) {
    INFO(name);
    CHECK_THROWS_WITH(register_loss(own_loss(name)), Contains("cannot be the name of a loss"));
  }
  CHECK_THROWS_WITH(register_loss(own_loss("own", {{"margin", "1"}})), Contains("margin 1") && Contains("0.2"));
  CHECK_THROWS_WITH(register_loss(own_loss("own", {{"--x", "1"}})), Contains("name of an option"));
  CHECK_THROWS_WITH(register_loss({"own", LossKind::Metric, "", {}, {}}), Contains("no maker"));
  CHECK_FALSE(loss_registry().count("own"));
}

TEST_CASE("an option of a loss cannot hide a setting", "[losses][registry]") {
  RunSpec spec;
  Fields rows;
  rows.add("lr", spec.optim.rule.lr, "learning rate");
  CHECK_THROWS_WITH(rows.add("lr", spec.optim.rule.lr, "option of loss own"), Contains("'lr'"));
}
