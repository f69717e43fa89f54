// Tensors with values, their text form, and the thread's context.
#include "tensor/creation.h"

#include <catch2/catch.hpp>
#include <thread>

#include "tensor/context.h"
#include "tensor/print.h"
#include "tests/tensor/errors.h"

using namespace fledge;
using test::error_of;

TEST_CASE("creation fills every type and layout", "[tensor]") {
  for (DType t : {DType::Float32, DType::Float64, DType::BFloat16, DType::Int32, DType::Int64, DType::UInt8}) {
    CAPTURE(name_of(t));
    CHECK(full({3}, 7, t).to_vector<double>() == std::vector<double>(3, 7));
    CHECK(zeros({3}, t).to_vector<double>() == std::vector<double>(3, 0));
    CHECK(ones({1, 2, 2, 2}, t, Layout::ChannelsLast).to_vector<double>() == std::vector<double>(8, 1));
    CHECK(arange(4, t).to_vector<double>() == std::vector<double>{0, 1, 2, 3});
  }
  const Tensor cl = ones({1, 2, 3, 3}, DType::Float64, Layout::ChannelsLast);
  CHECK(zeros_like(cl).strides() == cl.strides());
  CHECK(zeros_like(cl).dtype() == DType::Float64);
  CHECK(ones_like(zeros({2, 2}).transpose(0, 1)).to_vector<double>() == std::vector<double>(4, 1));
  CHECK(scalar(2.5).item() == 2.5);
  CHECK(scalar(2.5).rank() == 0);
  CHECK(zeros({0}).to_vector<float>().empty());
  CHECK(error_of([] {
          from_vector<float>({1, 2, 3}, {2, 2});
        }) == "[from_vector] 3 values do not fill 2x2 (4 elements)");
}

TEST_CASE("text form", "[tensor]") {
  CHECK(to_string(from_vector<float>({1, 2, 3, 4, 5, 6}, {2, 3})) == "tensor 2x3 float32 [[1, 2, 3], [4, 5, 6]]");
  CHECK(to_string(arange(10), 4) == "tensor 10 int64 [0, 1, ..., 8, 9]");
  CHECK(to_string(arange(10), 3) == "tensor 10 int64 [0, 1, ..., 9]");
  CHECK(to_string(arange(10), 1) == "tensor 10 int64 [0, ...]");
  CHECK(to_string(scalar(0.123456)) == "tensor scalar float32 0.1235");
  CHECK(to_string(zeros({0})) == "tensor 0 float32 []");
  CHECK(to_string(Tensor()) == "tensor undefined");
  CHECK(describe(zeros({1, 2, 3, 3}, DType::Float64, Layout::ChannelsLast)) == "1x2x3x3 float64 channels-last cpu");
}

TEST_CASE("the number of threads is kept for threads started later", "[tensor]") {
  const int before = num_threads();
  set_num_threads(1);
  CHECK(num_threads() == 1);
  int elsewhere = 0;
  std::thread([&] { elsewhere = num_threads(); }).join();
  CHECK(elsewhere == 1);
  set_num_threads(0);
  CHECK(num_threads() == ExecContext(0).threads());
  set_num_threads(before);
  CHECK(error_of([] { set_num_threads(-2); }) ==
        "[set_num_threads] the number of threads must not be negative: -2; 0 means all of the machine's");
}
