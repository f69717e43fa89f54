// The programs of README.md and docs/walkthrough.md: their lines are compiled and run here, and the pages must show
// exactly these lines and what they print.
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "nn/losses/pairs/triplet.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/print.h"
using namespace fledge;

namespace {

void readme_example() {
  // README: begin
  const Variable student(from_vector<float>({0, 0, 3, 4, 6, 0}, {3, 2}), true);  // three pictures, two numbers each
  const Tensor teacher = from_vector<float>({0, 5, 10}, {3, 1});                 // the same pictures, one number each
  const Variable loss = relative_teacher(student, teacher, RelativeForm::Frobenius);
  loss.backward();
  std::cout << "loss " << loss.item() << "\ngradient " << to_string(student.grad()) << "\n";
  // README: end
}

void walkthrough() {
  // walkthrough: begin
  Variable f(from_vector<float>({0, 0, 3, 4, 6, 0}, {3, 2}), true);  // the student's embeddings
  const Tensor g = from_vector<float>({0, 0, 3, 4, 6, 8}, {3, 2});   // the teacher's
  const Tensor labels = from_vector<std::int64_t>({0, 0, 1}, {3});
  std::cout << "D of student " << to_string(pairwise_distance(f.value(), f.value())) << "\n"
            << "D of teacher " << to_string(pairwise_distance(g, g)) << "\n";
  const Variable absolute = absolute_teacher(f, g, AbsoluteForm::L2);
  const Variable relative = relative_teacher(f, g, RelativeForm::Frobenius);
  const Variable triplet = triplet_batch_hard(f, labels, 0.2, TripletMargin::Hinge).value;
  for (const Variable& loss : {absolute, relative, triplet}) {
    f.zero_grad();
    loss.backward();
    std::cout << "loss " << loss.item() << " gradient " << to_string(f.grad()) << "\n";
  }
  // walkthrough: end
}

/// The text between two marks of a file, without them.
std::string between(const std::string& file, const std::string& first, const std::string& last) {
  std::ifstream in(std::string(FLEDGE_SOURCE_DIR) + "/" + file);
  std::stringstream text;
  text << in.rdbuf();
  const std::string all = text.str();
  const auto begin = all.find(first), end = all.find(last, begin + first.size());
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  return all.substr(begin + first.size(), end - begin - first.size());
}

/// What the program writes to std::cout.
std::string output_of(void (*program)()) {
  std::ostringstream captured;
  std::streambuf* const terminal = std::cout.rdbuf(captured.rdbuf());
  program();
  std::cout.rdbuf(terminal);
  return captured.str();
}

}  // namespace

TEST_CASE("the README's program prints what the README says") {
  // Distances of the student 5, 6, 5, of the teacher 5, 10, 5: only one pair differs, by 4, counted twice: sqrt(32).
  // Its two ends are pulled apart along the line between them, with 4 * 2 / sqrt(32) each.
  CHECK(output_of(&readme_example) == "loss 5.65685\ngradient tensor 3x2 float32 [[1.414, 0], [0, 0], [-1.414, 0]]\n");
  CHECK(between("README.md", "```text\n", "```") == output_of(&readme_example));
}

TEST_CASE("the README shows the program that is tested") {
  const std::string program = between("README.md", "```cpp\n", "```");
  CHECK(
      between("tests/autograd/readme_example_test.cpp", "  // README: begin\n", "  // README: end\n") ==
      program.substr(program.find("int main() {\n") + 13, program.rfind("}\n") - program.find("int main() {\n") - 13));
  for (const char* needed : {"nn/losses/teacher/absolute_relative.h", "tensor/creation.h", "tensor/print.h"})
    CHECK(program.find(std::string("#include \"") + needed + "\"\n") != std::string::npos);
}

TEST_CASE("the walk-through shows the program that is tested, and what it prints") {
  const std::string page = "docs/walkthrough.md", source = "tests/autograd/readme_example_test.cpp";
  const std::string lines = between(source, "  // walkthrough: begin\n", "  // walkthrough: end\n");
  std::istringstream in(between(page, "```cpp\n", "```"));
  std::string shown;
  for (std::string line; std::getline(in, line);) shown += "  " + line + "\n";
  CHECK(shown == lines);
  CHECK(between(page, "```text\n", "```") == output_of(&walkthrough));
}
