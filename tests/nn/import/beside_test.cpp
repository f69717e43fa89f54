// What stands beside a backbone: parts of losses, norms behind the features, layers without a bias, stacks.
#include <catch2/catch.hpp>

#include "tests/nn/import/lists.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Matchers::Contains;

namespace {

Names matrix(const std::string& name, std::int64_t out, std::int64_t in) { return {{name, {out, in}}}; }

Names norm(const std::string& module, std::int64_t channels) {
  Names all;
  for (const char* leaf : {"weight", "bias", "running_mean", "running_var"})
    all.push_back({module + "." + leaf, {channels}});
  return all + Names{{module + ".num_batches_tracked", {}}};
}

}  // namespace

TEST_CASE("a layer of a loss is no embedding head") {
  for (const char* module :
       {"criterion", "loss_fn", "losses.0", "arcface", "ArcMarginProduct", "arc_face.head", "metric_fc", "metric",
        "proxy_anchor", "center_loss", "model.loss.classifier", "train_criterion.softmax", "margin_head", "cos_face"}) {
    CAPTURE(module);
    const Names names = names_of("resnet18", 0.125, "model.") + linear_names("model.fc", 10, 64);
    for (const Names& more : {linear_names(module, 7, 64), matrix(std::string(module) + ".weight", 7, 64)}) {
      const Names all = names + more;
      const ImportPlan plan = plan_import(all);
      CHECK(flaw_of(all, plan) == "");
      CHECK(plan.spec.embedding == 0);
      CHECK(plan.spec.classes == 10);
      CHECK(target_of(all, plan, std::string(module) + ".weight") == "unused");
    }
    // ... and beside a head, unused all the same.
    const Names headed =
        names_of("resnet18", 0.125, "model.") + linear_names("model.proj", 16, 64) + linear_names(module, 7, 64);
    CHECK(plan_import(headed).spec.embedding == 16);
  }
  // In a file without a prefix too: nothing else would say that they are no part of the network.
  const Names root = names_of("resnet18", 0.125) + linear_names("feat", 8, 64);
  for (const Names& loss : {matrix("proxies", 98, 8), linear_names("criterion", 7, 64), matrix("loss.W", 64, 98)}) {
    const ImportPlan plan = plan_import(root + loss);
    CHECK(flaw_of(root + loss, plan) == "");
    CHECK(plan.unused.size() == loss.size());
  }
  // A network that lives inside a loss is not the loss's part.
  const Names inside = names_of("resnet18", 0.125, "criterion.model.") + linear_names("criterion.model.embed", 8, 64);
  CHECK(plan_import(inside).spec.embedding == 8);
}

TEST_CASE("a head without a bias is one whose bias is 0") {
  for (const char* module : {"feat", "base.feat", "proj", "embedding.0"}) {
    CAPTURE(module);
    const Names names = names_of("resnet18", 0.125, "base.") + matrix(std::string(module) + ".weight", 8, 64);
    const ImportPlan plan = plan_import(names);
    CHECK(plan.spec.embedding == 8);
    CHECK(plan.zeros == std::vector<std::string>{"feat.bias"});
    CHECK(has_note(plan, std::string("head: '") + module + "', 64 to 8, without a bias (taken as 0)"));
    CHECK(target_of(names, plan, std::string(module) + ".weight") == "feat.weight");
  }
  const Names whole = names_of("resnet18", 0.125) + linear_names("feat", 8, 64);
  CHECK(plan_import(whole).zeros.empty());
  CHECK_THAT(import_error(whole + matrix("other.bias", 8, 64)), Contains("no place"));
}

TEST_CASE("a classifier without a bias is left out, and a BN neck is named") {
  for (const std::string prefix : {"", "base.", "module.base."}) {
    CAPTURE(prefix);
    const std::string outer = prefix.starts_with("module.") ? "module." : "";
    const Names names = names_of("resnet18", 0.125, prefix) + norm(outer + "bottleneck", 64) +
                        matrix(outer + "classifier.weight", 7, 64);
    const ImportPlan plan = plan_import(names);
    CHECK(flaw_of(names, plan) == "");
    CHECK(plan.spec.embedding == 0);
    CHECK(plan.spec.classes == 0);
    CHECK(has_note(plan, "left out: a classifier without bias: '" + outer + "classifier'"));
    CHECK(has_note(plan, "(BNNeck), '" + outer + "bottleneck'"));
    CHECK(plan.unused.size() == 6);
  }
  // The form's own one, under any name.
  Names names = real_names("torchvision_resnet18");
  names = without(names, [](const NamedShape& t) { return t.name == "fc.bias"; });
  CHECK(has_note(plan_import(names), "left out: a classifier without bias: 'fc'"));
  // A matrix beside other modules is a parameter of something else, no linear layer.
  const Names heads =
      names_of("resnet18", 0.125, "backbone.") + norm("heads.bottleneck.0", 64) + matrix("heads.weight", 7, 64);
  CHECK(plan_import(heads).spec.embedding == 0);
  CHECK(has_note(plan_import(heads), "'heads.bottleneck.0'"));
}

TEST_CASE("the lines that a hint offers open the file") {
  const auto opens_with = [](const Names& names, const NameMap& map) {
    const ImportPlan plan = plan_import(names, {.map = map});
    return flaw_of(names, plan);
  };
  const Names moco = names_of("resnet18", 0.125, "module.encoder_q.") + linear_names("module.encoder_q.fc.0", 64, 64) +
                     linear_names("module.encoder_q.fc.2", 16, 64);
  CHECK_THAT(import_error(moco), Contains("2 linear layers can be the") && Contains("parts of stacks") &&
                                     Contains("'module.encoder_q.fc. =' leaves them out"));
  CHECK(opens_with(moco, {{"module.encoder_q.fc.", ""}}) == "");
  // Under the backbone's own folder what is not chosen has no place: the hint drops it.
  const Names root = names_of("resnet18", 0.125) + linear_names("a", 8, 64) + linear_names("b", 16, 64);
  CHECK_THAT(import_error(root), Contains("e.g. 'a. = feat.', 'b. ='"));
  CHECK(opens_with(root, {{"a.", "feat."}, {"b.", ""}}) == "");
  const Names mixed = names_of("resnet18", 0.125, "base.") + linear_names("a", 8, 64) + linear_names("proj.0", 64, 64) +
                      linear_names("proj.2", 8, 64);
  CHECK_THAT(import_error(mixed), Contains("'a. = feat.', 'proj. ='"));
  CHECK(opens_with(mixed, {{"a.", "feat."}, {"proj.", ""}}) == "");
}
