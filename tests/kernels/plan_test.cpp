// kernels/plan: the numbers that name a problem, the cache of plans, the fastest of several, packed weights side by
// side, choices kept in a file.
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "kernels/plan/choice_file.h"
#include "kernels/plan/conv_problem.h"
#include "kernels/plan/fastest.h"
#include "kernels/plan/packed_weights.h"
#include "kernels/plan/plan_cache.h"
#include "tests/support/files.h"
#include "tests/support/host_tensor.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const Dims kX{32, 64, 56, 55}, kW{128, 16, 3, 2};
const Conv2dParams kParams{
    .stride_h = 2, .stride_w = 1, .pad_top = 0, .pad_left = 1, .pad_bottom = 2, .pad_right = 3, .groups = 4};

ConvProblem problem() { return conv_problem(ConvDirection::Forward, DType::Float32, kX, kW, kParams); }
ConvProblem numbered(std::int64_t n) {
  ConvProblem p = problem();
  p.n = n;
  return p;
}

}  // namespace

TEST_CASE("a convolution's problem holds every number of it", "[plan]") {
  const ConvProblem k = problem();
  CHECK(describe(k) == kParams.descriptor(kX, kW) + " float32");
  CHECK(Dims{k.n, k.k, k.p(), k.q()} == kParams.output_dims(kX, kW));
  CHECK(k.work() == kParams.output_dims(kX, kW).numel() * 16 * 3 * 2);
  for (std::int64_t ConvProblem::*field :
       {&ConvProblem::dtype, &ConvProblem::n, &ConvProblem::c, &ConvProblem::h, &ConvProblem::w, &ConvProblem::k,
        &ConvProblem::r, &ConvProblem::s, &ConvProblem::stride_h, &ConvProblem::stride_w, &ConvProblem::groups,
        &ConvProblem::pad_top, &ConvProblem::pad_left, &ConvProblem::pad_bottom, &ConvProblem::pad_right,
        &ConvProblem::epilogue}) {
    ConvProblem other = k;
    other.*field += 1;
    CHECK_FALSE(other == k);
    CHECK(KeyHash<ConvProblem>()(other) != KeyHash<ConvProblem>()(k));
  }
  ConvProblem other = k;
  other.direction = ConvDirection::GradInput;
  CHECK_FALSE(other == k);
}

TEST_CASE("what follows a convolution, as bits", "[plan]") {
  float memory[2];
  TensorView y, bias;
  y.data = memory;
  bias.data = memory + 1;
  CHECK(epilogue_bits({}, y) == 0);
  CHECK(epilogue_bits({.bias = &bias, .activation = Activation::ReLU}, y) == (kBias | kReLU));
  CHECK(epilogue_bits({.residual = &bias, .activation = Activation::ReLU6}, y) == (kResidual | kReLU6));
  CHECK(epilogue_bits({.residual = &y}, y) == kResidualInPlace);
}

TEST_CASE("the plan cache drops what was used least recently", "[plan]") {
  PlanCache<ConvProblem, std::unique_ptr<int>> cache("test", 3);
  for (int n = 1; n <= 3; ++n) cache.insert(numbered(n), std::make_unique<int>(n));
  REQUIRE(cache.find(numbered(1)));  // now 2 is the oldest
  cache.insert(numbered(4), std::make_unique<int>(4));
  CHECK(cache.size() == 3);
  CHECK_FALSE(cache.find(numbered(2)));
  for (int n : {1, 3, 4}) {
    REQUIRE(cache.find(numbered(n)));
    CHECK(**cache.find(numbered(n)) == n);
  }
  cache.insert(numbered(3), std::make_unique<int>(33));  // replaces, nothing has to go
  CHECK(cache.size() == 3);
  CHECK(**cache.find(numbered(3)) == 33);
  CHECK(cache.find(numbered(1)));
}

TEST_CASE("a plan that a recording uses is never thrown out", "[plan]") {
  PlanCache<ConvProblem, std::unique_ptr<int>> cache("test", 2);
  cache.insert(numbered(1), std::make_unique<int>(1), true);
  cache.insert(numbered(2), std::make_unique<int>(2));
  cache.insert(numbered(3), std::make_unique<int>(3));
  CHECK(cache.find(numbered(1)));
  CHECK_FALSE(cache.find(numbered(2)));
  CHECK(cache.find(numbered(3), true));
  cache.insert(numbered(4), std::make_unique<int>(4));
  CHECK(cache.size() == 3);  // nothing could go
  for (int n : {1, 3, 4}) CHECK(cache.find(numbered(n)));
}

TEST_CASE("the fastest is the one with the best single run, a near tie the first", "[plan]") {
  const auto of = [](std::vector<std::vector<double>> times) {
    std::vector<std::size_t> turn(times.size());
    return fastest(times.size(), [&](std::size_t i) { return times[i].at(turn[i]++); });
  };
  CHECK(of({{3, 3, 3}, {9, 2, 9}, {4, 4, 4}}) == 1);
  CHECK(of({{1, 1, 1}, {0.99, 0.99, 0.99}}) == 0);
  CHECK(of({{1, 1, 1}, {0.99, 0.99, 0.99}, {0.9, 1, 1}}) == 2);
  CHECK(of({{5, 5, 5}}) == 0);
}

TEST_CASE("packed forms of several owners live side by side and follow the weight's version", "[plan]") {
  HostTensor w({4});
  w.use_slot();
  const int one = 0, two = 0;
  std::map<const void*, int> packed;
  const auto get = [&](const void* owner, int form, float value) {
    return *static_cast<float*>(PackedWeights::of(w, {owner, form}, sizeof(float), [&](void* to) {
      *static_cast<float*>(to) = value;
      ++packed[owner];
    }));
  };
  CHECK(get(&one, 0, 1) == 1);
  CHECK(get(&two, 0, 2) == 2);
  CHECK(get(&one, 1, 3) == 3);
  CHECK(get(&one, 0, -1) == 1);
  CHECK(get(&two, 0, -1) == 2);
  CHECK(packed[&one] == 2);
  w.bump_version();
  CHECK(get(&one, 0, 7) == 7);
  CHECK(get(&two, 0, 8) == 8);
  CHECK(get(&one, 0, -1) == 7);

  // A pack that fails leaves nothing that could be taken for the weight.
  w.bump_version();
  CHECK_THROWS(PackedWeights::of(w, {&one, 0}, sizeof(float), [](void*) { throw std::runtime_error("no"); }));
  CHECK(get(&one, 0, 9) == 9);

  // Beyond the most that are kept, the one that was used least recently goes.
  for (int form = 2; form < static_cast<int>(PackedWeights::kMostForms) + 1; ++form) get(&one, form, 0);
  packed.clear();
  CHECK(get(&one, 0, -1) == 9);
  CHECK(get(&two, 0, 5) == 5);
  CHECK(packed[&one] == 0);
  CHECK(packed[&two] == 1);
}

TEST_CASE("choices are kept in a file, and read back by the same machine and build only", "[plan]") {
  const TempFolder folder;
  const std::string path = folder / "a/b/choices";
  ChoiceFile first(path, "machine 1");
  CHECK(first.find("p") == "");
  first.keep("p", "one");
  first.keep("q", "two");
  CHECK(first.find("p") == "one");

  ChoiceFile again(path, "machine 1");
  CHECK(again.ignored() == "");
  CHECK(again.find("p") == "one");
  CHECK(again.find("q") == "two");

  // Two that write in turns lose nothing.
  first.keep("r", "three");
  again.keep("s", "four");
  const ChoiceFile both(path, "machine 1");
  CHECK(both.find("r") == "three");
  CHECK(both.find("s") == "four");
  for (const auto& entry : std::filesystem::directory_iterator(folder / "a/b"))
    CHECK(entry.path() == path);  // nothing is left beside it

  ChoiceFile foreign(path, "machine 2");
  CHECK(foreign.ignored() == "foreign");
  CHECK(foreign.find("p") == "");
  foreign.keep("p", "other");
  CHECK(ChoiceFile(path, "machine 2").find("p") == "other");
  CHECK(ChoiceFile(path, "machine 2").find("q") == "");
}

TEST_CASE("a damaged file of choices is passed over, and written anew", "[plan]") {
  const TempFolder folder;
  const std::string path = folder / "choices";
  ChoiceFile(path, "m").keep("problem", "choice");
  const Bytes whole = slurp(path);
  for (std::size_t size = 0; size + 1 < whole.size(); ++size) {  // without its last line break it is whole
    spill(path, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    const ChoiceFile cut(path, "m");
    INFO(size);
    CHECK(cut.ignored() != "");
    CHECK(cut.find("problem") == "");
  }
  for (const std::string text :
       {std::string(5000, 'x'), std::string("fledge-choices-1\nm\n\tchoice\nend 1\n"),
        std::string("fledge-choices-1\nm\np\tc\nend 2\n"), std::string("fledge-choices-1\nm\nend 0\nmore\n")}) {
    spill(path, text);
    ChoiceFile broken(path, "m");
    CHECK(broken.ignored() == "damaged");
    broken.keep("p", "c");
    CHECK(ChoiceFile(path, "m").find("p") == "c");
  }
}

TEST_CASE("choices that cannot be kept are done without", "[plan]") {
  const TempFolder folder;
  spill(folder / "file", "in the way");
  ChoiceFile nowhere(folder / "file/choices", "m"), none("", "m");
  for (ChoiceFile* file : {&nowhere, &none})
    for (const char* problem : {"p", "q"}) {
      file->keep(problem, "c");
      CHECK(file->find(problem) == "c");
    }
}
