// Losses that run on a device give there what they give on the CPU: value, numbers, and every gradient.
#include <catch2/catch.hpp>
#include <set>

#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "nn/losses/loss.h"
#include "nn/losses/pairs/triplet.h"
#include "nn/losses/teacher/maps.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/random.h"
#include "tensor/stream.h"
#include "tests/support/gpu.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const LossSetup kDeviceSetup{.classes = 6,
                             .embedding = 10,
                             .teacher_embedding = 10,
                             .student_stages = {4, 5, 6, 7},
                             .teacher_stages = {5, 6, 7, 8},
                             .seed = 4};

LossSetup other_sizes() {
  LossSetup setup = kDeviceSetup;
  setup.teacher_embedding = 14;
  return setup;
}

struct Variant {
  std::string name;
  LossOptions options;
  LossSetup setup = kDeviceSetup;
};

/// Every form that a loss on the device has code of its own for.
std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const auto& [name, entry] : loss_registry()) all.push_back({name, {}});
  for (const Variant& v :
       std::vector<Variant>{{"triplet-hard", {{"form", "soft"}}},
                            {"triplet-hard", {{"margin", "0"}}},
                            {"contrastive", {{"contrastive-form", "hadsell"}, {"pos-margin", "0.3"}}},
                            {"multi-similarity", {{"ms-miner", "off"}}},
                            {"softmax", {{"label-smoothing", "0.2"}}},
                            {"arcface", {{"sub-centres", "3"}}},
                            {"arcface", {{"arc-margin", "1.5"}}},
                            {"proxy-nca", {{"nca-exclude-own", "on"}}},
                            {"absolute", {{"abs-form", "sq"}}},
                            {"absolute", {{"abs-form", "cos"}}},
                            {"absolute", {{"abs-eps-inside", "on"}}},
                            {"absolute", {}, other_sizes()},
                            {"relative", {{"rel-form", "mean_abs"}}},
                            {"relative", {{"rel-form", "mean_sq"}}},
                            {"relative", {{"rel-form", "rkd_huber"}}},
                            {"relative", {}, other_sizes()},
                            {"darkrank", {{"darkrank-length", "1"}}},
                            {"darkrank", {{"darkrank-length", "50"}, {"darkrank-alpha", "0.1"}}},
                            {"pkt", {{"pkt-diagonal", "off"}}},
                            {"hints", {{"hint-normalize", "on"}, {"hint-stages", "1,4,embedding"}}},
                            {"hints", {{"hint-stages", "embedding"}}, other_sizes()},
                            {"attention", {{"attention-stages", "1,4"}}}})
    all.push_back(v);
  return all;
}

std::string describe_variant(const Variant& v) {
  std::string text = v.name;
  for (const auto& [option, value] : v.options) text += " " + option + "=" + value;
  return text;
}

/// Class 5 has one picture, which has no positive.
const std::vector<std::int64_t> kUnevenLabels = {0, 1, 0, 2, 2, 1, 0, 5, 3, 3, 3, 1};

/// Both networks' outputs. The teacher's second map has the size of the student's; the others are smaller or larger.
struct DeviceBatch {
  ModelOutput student, teacher;
  Tensor labels;

  DeviceBatch(const LossSetup& setup, const std::vector<std::int64_t>& y)
      : labels(from_vector(y, {static_cast<std::int64_t>(y.size())})) {
    Generator g(7);
    const std::int64_t n = labels.dim(0);
    const std::int64_t student_sizes[] = {8, 6, 4, 3}, teacher_sizes[][2] = {{5, 11}, {6, 6}, {7, 2}, {1, 1}};
    student.embedding = Variable(l2_normalize(Variable(rand_normal({n, setup.embedding}, g))).value(), true);
    teacher.embedding = l2_normalize(Variable(rand_normal({n, setup.teacher_embedding}, g)));
    for (std::size_t i = 0; i < 4; ++i) {
      const auto map = [&](std::int64_t channels, std::int64_t h, std::int64_t w) {
        return rand_normal({n, channels, h, w}, g, 0, 1, DType::Float32, Layout::ChannelsLast);
      };
      student.feature_maps.emplace_back(map(setup.student_stages[i], student_sizes[i], student_sizes[i]), true);
      teacher.feature_maps.emplace_back(map(setup.teacher_stages[i], teacher_sizes[i][0], teacher_sizes[i][1]));
    }
  }

  /// Leaves of the same values on a device; stage maps, which no loss wants in another dtype, in `maps`.
  DeviceBatch(const DeviceBatch& b, Device device, DType maps = DType::Float32) : labels(b.labels.to(device)) {
    const auto moved = [&](const Variable& v, DType dtype) {
      return Variable(v.value().to(dtype).to(device), v.requires_grad());
    };
    student.embedding = moved(b.student.embedding, DType::Float32);
    teacher.embedding = moved(b.teacher.embedding, DType::Float32);
    for (const Variable& v : b.student.feature_maps) student.feature_maps.push_back(moved(v, maps));
    for (const Variable& v : b.teacher.feature_maps) teacher.feature_maps.push_back(moved(v, maps));
  }

  LossInput input() const { return {student, labels, &teacher}; }
  std::vector<Variable> leaves(const Loss& loss) const {
    std::vector<Variable> all{student.embedding};
    all.insert(all.end(), student.feature_maps.begin(), student.feature_maps.end());
    for (const Variable& p : loss.parameters()) all.push_back(p);
    return all;
  }
};

void check_same(const Variant& v, const DeviceBatch& here, Device device) {
  const std::shared_ptr<Loss> loss = make_loss(v.name, v.options, v.setup),
                              there_loss = make_loss(v.name, v.options, v.setup);
  if (!there_loss->runs_on_device()) return;
  there_loss->to(device);
  const DeviceBatch there(here, device);
  const LossOutput out = loss->forward(here.input()), on_device = there_loss->forward(there.input());
  CHECK(on_device.value.value().device() == device);
  CHECK(on_device.value.value().rank() == out.value.value().rank());
  CHECK(on_device.value.item() == Approx(out.value.item()).epsilon(2e-5).margin(1e-6));
  REQUIRE(on_device.numbers.size() == out.numbers.size());
  for (std::size_t i = 0; i < out.numbers.size(); ++i) {
    INFO(out.numbers[i].first);
    CHECK(on_device.numbers[i].first == out.numbers[i].first);
    CHECK(on_device.numbers[i].second.value() == Approx(out.numbers[i].second.value()).epsilon(2e-5).margin(1e-6));
  }
  // A gradient that is not 1 arrives when a loss has a weight.
  affine(out.value, 0.7, 0).backward();
  affine(on_device.value, 0.7, 0).backward();
  const std::vector<Variable> a = here.leaves(*loss), b = there.leaves(*there_loss);
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("leaf " << i);
    REQUIRE(a[i].grad().defined() == b[i].grad().defined());
    if (!a[i].grad().defined()) continue;
    CHECK(b[i].grad().device() == device);
    double largest = 0;
    for (double g : a[i].grad().to_vector<double>()) largest = std::max(largest, std::abs(g));
    if (largest < 1e-7)  // no triplet, no pair: nothing but rounding on either side
      for (double g : b[i].grad().to_vector<double>()) CHECK(std::abs(g) < 1e-6);
    else
      CHECK(relative_difference(b[i].grad(), a[i].grad()) < 1e-4);
  }
}

}  // namespace

TEST_CASE("which losses run on a device", "[losses][device]") {
  std::set<std::string> on_host;
  for (const auto& [name, entry] : loss_registry())
    if (!make_loss(name, {}, kDeviceSetup)->runs_on_device()) on_host.insert(name);
  // They draw, sort or search, or remember more than a batch.
  CHECK(on_host == std::set<std::string>{"margin", "memory", "n-pair", "triplet-semihard"});
  CHECK_FALSE(make_loss("darkrank", {{"darkrank-form", "soft"}}, kDeviceSetup)->runs_on_device());
}

TEST_CASE("a loss gives the CPU's value, numbers and gradients on a device", "[losses][device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  for (const Variant& v : variants()) {
    INFO(describe_variant(v));
    check_same(v, DeviceBatch(v.setup, kUnevenLabels), *device);
  }
}

TEST_CASE("batches without positives or without negatives on a device", "[losses][device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  for (const std::vector<std::int64_t>& labels :
       {std::vector<std::int64_t>{3, 3, 3, 3, 3}, {0, 1, 2, 3, 4}, {2, 4}, {4, 4}})
    for (const Variant& v : variants()) {
      INFO(v.name << " of " << labels.size() << " pictures, classes from " << labels[0] << " to " << labels.back());
      check_same(v, DeviceBatch(v.setup, labels), *device);
    }
}

// A recording refuses whatever waits for the device, and what it replays must be all there is.
TEST_CASE("a loss that runs on a device can be recorded, and its replay gives the same", "[losses][device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  for (const Variant& v : variants()) {
    INFO(describe_variant(v));
    const std::shared_ptr<Loss> loss = make_loss(v.name, v.options, v.setup);
    if (!loss->runs_on_device()) continue;
    loss->to(*device);
    const DeviceBatch batch(DeviceBatch(v.setup, kUnevenLabels), *device);
    LossOutput out;
    const auto pass = [&] {
      for (Variable& leaf : batch.leaves(*loss)) leaf.zero_grad();
      out = loss->forward(batch.input());
      out.value.backward();
    };
    const auto results = [&] {
      std::vector<std::vector<double>> all{out.value.value().to_vector<double>()};
      for (const auto& [name, number] : out.numbers) all.push_back({number.value()});
      for (const Variable& leaf : batch.leaves(*loss))
        if (leaf.grad().defined()) all.push_back(leaf.grad().to_vector<double>());
      return all;
    };
    pass();
    const auto plain = results();
    const RecordedWork recorded(*device, pass);
    recorded.replay();
    CHECK(results() == plain);
    // With other embeddings at the same place.
    const Variable& f = batch.student.embedding;
    f.value().copy_from(f.value().slice(1, 0, 1).contiguous().expand(f.dims()));
    recorded.replay();
    const auto other = results();
    pass();
    CHECK(results() == other);
  }
}

TEST_CASE("stage maps in bfloat16 are compared in float32", "[losses][device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  for (const char* name : {"hints", "attention"}) {
    INFO(name);
    const DeviceBatch here(kDeviceSetup, kUnevenLabels), there(here, *device, DType::BFloat16);
    const std::shared_ptr<Loss> loss = make_loss(name, {}, kDeviceSetup),
                                there_loss = make_loss(name, {}, kDeviceSetup);
    there_loss->to(*device);
    const LossOutput out = loss->forward(here.input()), on_device = there_loss->forward(there.input());
    CHECK(on_device.value.value().dtype() == DType::Float32);
    CHECK(on_device.value.item() == Approx(out.value.item()).epsilon(0.01));
    out.value.backward();
    on_device.value.backward();
    CHECK(there.student.feature_maps[2].grad().dtype() == DType::BFloat16);
    CHECK(cosine_similarity(there.student.feature_maps[2].grad(), here.student.feature_maps[2].grad()) > 0.999);
  }
}

TEST_CASE("losses that stay on the host take parameters that were moved", "[losses][device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  for (const Variant& v :
       {Variant{"margin", {}}, Variant{"margin", {{"beta-per-class", "on"}}}, Variant{"memory", {}}}) {
    INFO(v.name);
    const DeviceBatch a(kDeviceSetup, kUnevenLabels), b(kDeviceSetup, kUnevenLabels);
    const std::shared_ptr<Loss> loss = make_loss(v.name, v.options, kDeviceSetup),
                                moved = make_loss(v.name, v.options, kDeviceSetup);
    moved->to(*device);
    for (int step = 0; step < 2; ++step) {  // the second with a memory of the first
      const LossOutput out = loss->forward(a.input()), other = moved->forward(b.input());
      CHECK(other.value.item() == out.value.item());
      out.value.backward();
      other.value.backward();
      loss->after_step(a.input());
      moved->after_step(b.input());
    }
    CHECK(b.student.embedding.grad().to_vector<float>() == a.student.embedding.grad().to_vector<float>());
    for (std::size_t i = 0; i < loss->parameters().size(); ++i)
      CHECK(moved->parameters()[i].grad().to_vector<float>() == loss->parameters()[i].grad().to_vector<float>());
  }
}

TEST_CASE("maps are resized on a device as on the CPU", "[losses][device]") {
  const std::optional<Device> device = gpu();
  if (!device) return;
  Generator g(3);
  for (const Dims& size : {Dims{7, 5}, Dims{3, 9}, Dims{1, 1}, Dims{12, 11}, Dims{6, 4}})
    for (const Layout layout : {Layout::Contiguous, Layout::ChannelsLast}) {
      const Tensor map = rand_normal({2, 3, 6, 5}, g, 0, 1, DType::Float32, layout);
      const Tensor here = resize_map(map, size[0], size[1]), there = resize_map(map.to(*device), size[0], size[1]);
      CHECK(there.dims() == here.dims());
      CHECK(relative_difference(there, here) < 1e-6);
    }
}
