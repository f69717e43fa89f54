// Views, layouts and their flags, copies, casts, versions.
#include <catch2/catch.hpp>

#include "tensor/creation.h"
#include "tests/tensor/counting.h"
#include "tests/tensor/errors.h"

using namespace fledge;
using test::counting;
using test::error_of;
using Floats = std::vector<float>;

TEST_CASE("empty tensors know their sizes, strides and flags", "[tensor]") {
  const Tensor t = Tensor::empty({2, 3, 4, 5});
  CHECK(t.numel() == 120);
  CHECK(t.dim(-1) == 5);
  CHECK(t.strides() == Dims{60, 20, 5, 1});
  CHECK((t.is_contiguous() && !t.is_channels_last()));
  const Tensor cl = Tensor::empty({2, 3, 4, 5}, DType::Float64, Layout::ChannelsLast);
  CHECK(cl.strides() == Dims{60, 1, 15, 3});
  CHECK((!cl.is_contiguous() && cl.is_channels_last() && cl.is_dense()));
  CHECK(Tensor::empty_like(cl).strides() == cl.strides());
  CHECK(Tensor::empty({}).numel() == 1);
  CHECK(Tensor::empty({0, 3}).numel() == 0);
  CHECK_FALSE(Tensor().defined());
}

TEST_CASE("one pixel or one channel is both layouts at once", "[tensor]") {
  for (const Dims& dims : {Dims{8, 16, 1, 1}, Dims{8, 1, 5, 5}, Dims{1, 16, 1, 1}}) {
    for (Layout layout : {Layout::Contiguous, Layout::ChannelsLast}) {
      const Tensor t = Tensor::empty(dims, DType::Float32, layout);
      CHECK((t.is_contiguous() && t.is_channels_last()));
      CHECK(t.contiguous(Layout::ChannelsLast).shares_storage_with(t));
      CHECK(t.reshape({dims[0], -1}).shares_storage_with(t));
      CHECK(Tensor::empty_like(t).strides() == t.strides());
    }
  }
}

TEST_CASE("reshape is a view where the strides allow it, else a copy with the same values", "[tensor]") {
  const Tensor t = counting({2, 3, 4});
  const Tensor flat = t.reshape({6, -1});
  CHECK(flat.dims() == Dims{6, 4});
  CHECK(flat.shares_storage_with(t));
  const Tensor turned = t.transpose(0, 2);
  CHECK(turned.strides() == Dims{1, 4, 12});
  const Tensor copied = turned.reshape({4, 6});
  CHECK_FALSE(copied.shares_storage_with(t));
  CHECK(copied.to_vector<float>() == turned.to_vector<float>());
  CHECK(copied.to_vector<float>()[1] == 12);
  // Half of each row: rows stay apart, columns may split.
  const Tensor part = counting({4, 8}).slice(1, 2, 4);
  CHECK(part.reshape({4, 2, 2}).shares_storage_with(part));
  CHECK(part.reshape({2, 2, 4}).strides() == Dims{16, 8, 1});
  CHECK_FALSE(part.reshape({16}).shares_storage_with(part));
  CHECK(part.reshape({16}).to_vector<float>() == part.to_vector<float>());
  CHECK(counting({1, 1}).reshape({}).rank() == 0);
  CHECK(scalar(3).reshape({1, 1, 1}).item() == 3);
  CHECK(Tensor::empty({0, 4}).reshape({4, 0}).numel() == 0);
}

TEST_CASE("reshape says what does not fit", "[tensor]") {
  CHECK(error_of([] {
          counting({2, 3}).reshape({4, -1});
        }) == "[reshape] its 6 elements do not divide into 4x-1: tensor 2x3 float32 contiguous cpu");
  CHECK(error_of([] {
          counting({2, 3}).reshape({5});
        }) == "[reshape] its 6 elements do not fit 5 (5 elements): tensor 2x3 float32 contiguous cpu");
  CHECK(error_of([] { counting({2, 3}).reshape({-1, -1}); }).find("one size may be -1") != std::string::npos);
  CHECK(error_of([] { Tensor().reshape({1}); }) == "[reshape] the tensor is undefined; give it a value first");
}

TEST_CASE("slice and transpose share memory and see writes", "[tensor]") {
  const Tensor t = counting({3, 4});
  const Tensor column = t.slice(1, 1, 2);
  CHECK(column.to_vector<float>() == Floats{1, 2, 5, 6, 9, 10});
  column.fill(0);
  CHECK(t.to_vector<float>() == Floats{0, 0, 0, 3, 4, 0, 0, 7, 8, 0, 0, 11});
  CHECK(t.transpose(0, 1).slice(-2, 3, 1).to_vector<float>() == Floats{3, 7, 11});
  CHECK(t.slice(0, 3, 0).numel() == 0);
  CHECK(error_of([&] { t.slice(0, 2, 2); }) ==
        "[slice] elements [2, 4) of axis 0 are not all there: tensor 3x4 float32 contiguous cpu");
  CHECK(error_of([&] { t.slice(2, 0, 1); }) == "[slice] no axis 2: tensor 3x4 float32 contiguous cpu");
  CHECK(error_of([&] { t.transpose(0, -3); }) == "[transpose] no axis -3: tensor 3x4 float32 contiguous cpu");
}

TEST_CASE("expand repeats with stride 0 and refuses writes", "[tensor]") {
  const Tensor t = counting({3, 1});
  const Tensor e = t.expand({2, 3, 2});
  CHECK(e.strides() == Dims{0, 1, 0});
  CHECK(e.to_vector<float>() == Floats{0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2});
  CHECK(e.shares_storage_with(t));
  CHECK_FALSE(e.is_dense());
  CHECK(error_of([&] { e.fill(1); }) ==
        "[fill] cannot write into a tensor whose elements are repeated: tensor 2x3x2 float32 strided cpu; clone() it "
        "first");
  CHECK(error_of([&] {
          t.expand({2, 1});
        }) == "[expand] cannot become 2x1: tensor 3x1 float32 contiguous cpu; only axes of size 1 are repeated");
  CHECK(error_of([&] { t.expand({3}); }).find("axes can be added, not removed") != std::string::npos);
}

TEST_CASE("layout conversion moves the values, not the logical order", "[tensor]") {
  for (DType dtype : {DType::Float32, DType::Float64, DType::Int64, DType::UInt8}) {
    const Tensor t = counting({2, 3, 2, 2}, dtype);
    const Tensor cl = t.contiguous(Layout::ChannelsLast);
    CHECK(cl.is_channels_last());
    CHECK(cl.to_vector<double>() == t.to_vector<double>());
    CHECK(cl.contiguous().to_vector<double>() == t.to_vector<double>());
    CHECK(cl.clone().is_channels_last());
    CHECK(t.contiguous().shares_storage_with(t));
  }
  const Tensor cl = counting({1, 2, 1, 2}).contiguous(Layout::ChannelsLast);
  const float* memory = cl.data<float>();
  CHECK(Floats(memory, memory + 4) == Floats{0, 2, 1, 3});
  CHECK(error_of([] {
          counting({2, 2}).contiguous(Layout::ChannelsLast);
        }) == "[empty] channels-last needs four axes: 2x2");
}

TEST_CASE("casts between every pair of types", "[tensor]") {
  const DType all[] = {DType::Float32, DType::Float64, DType::BFloat16, DType::Int32, DType::Int64, DType::UInt8};
  for (DType from : all)
    for (DType to : all) {
      const Tensor t = from_vector<double>({0, 1, 2, 200}, {2, 2}).to(from).to(to);
      CAPTURE(name_of(from), name_of(to));
      CHECK(t.dtype() == to);
      CHECK(t.to_vector<double>() == std::vector<double>{0, 1, 2, 200});
    }
  CHECK(from_vector<float>({1.9f, -1.9f}, {2}).to(DType::Int32).to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{1, -1});
  const std::int64_t big = (std::int64_t{1} << 60) + 1;  // no float or double holds it
  const Tensor exact = from_vector<std::int64_t>({big, 7}, {2, 1});
  CHECK(exact.transpose(0, 1).clone().to_vector<std::int64_t>() == std::vector<std::int64_t>{big, 7});
  const Tensor cl = Tensor::empty({1, 2, 3, 3}, DType::Float32, Layout::ChannelsLast);
  CHECK(cl.to(DType::Float64).is_channels_last());
  CHECK(cl.to(DType::Float32).shares_storage_with(cl));
}

TEST_CASE("versions rise with every write, for all who share", "[tensor]") {
  const Tensor t = zeros({2, 2});
  const std::uint64_t start = t.version();
  const Tensor view = t.reshape({4});
  view.fill(1);
  CHECK(t.version() == start + 1);
  t.slice(0, 0, 1).copy_from(ones({1, 2}));
  CHECK(view.version() == start + 2);
  CHECK(view.view().version == start + 2);
  CHECK(t.clone().version() < start + 2);
  CHECK(t.use_count() == 2);
}

TEST_CASE("only a view of the whole storage may hold packed weights", "[tensor]") {
  const Tensor t = Tensor::empty({4, 6, 1, 1}, DType::Float32, Layout::ChannelsLast);
  CHECK(t.view().holder != nullptr);
  CHECK(t.reshape({4, 6}).view().holder == t.view().holder);
  CHECK(t.slice(0, 0, 4).view().holder == t.view().holder);
  CHECK(t.slice(0, 0, 2).view().holder == nullptr);
  CHECK(t.slice(0, 2, 2).view().holder == nullptr);
  CHECK(t.reshape({4, 6}).transpose(0, 1).view().holder == nullptr);
}

TEST_CASE("copies check sizes; data checks the type; item checks the count", "[tensor]") {
  const Tensor t = zeros({2, 3});
  CHECK(error_of([&] {
          t.copy_from(zeros({3, 2}));
        }) ==
        "[copy_from] sizes of target and source must be equal: target 2x3 float32 contiguous cpu, "
        "source 3x2 float32 contiguous cpu");
  CHECK(error_of([&] { t.data<double>(); }, ErrorKind::Internal) ==
        "[data] asked for float64: tensor 2x3 float32 contiguous cpu; convert it with to(dtype)");
  CHECK(error_of([&] { t.item(); }) ==
        "[item] one element is needed: tensor 2x3 float32 contiguous cpu; reduce it first, e.g. with mean");
  CHECK(error_of([] { Tensor::empty({2, -3}); }) == "[empty] sizes must not be negative: 2x-3 float32");
  CHECK(error_of([] { Tensor::empty({1ll << 40, 1ll << 40}); }).find("more bytes than") != std::string::npos);
  CHECK(error_of([] { Tensor().view(); }) == "[view] the tensor is undefined; give it a value first");
}
