#include "tensor/ops/call/layout.h"

#include <cstdio>

#include "base/environment.h"

namespace fledge {

namespace {

void report(const char* op, const char* name, const Tensor& from, const Tensor& to) {
  if (!verbose()) return;
  const std::string source = describe(from), target = describe(to);
  std::fprintf(stderr, "fledge,copy,%s,%s,%s -> %s\n", op, name, source.c_str(), target.c_str());
}

}  // namespace

void LayoutArg::convert(const char* op, const char* name, Layout layout) {
  copy_ = tensor_->contiguous(layout);
  report(op, name, *tensor_, copy_);
  tensor_ = &copy_;
  view_ = copy_.view();
}

Tensor in_layout_of(const char* op, const char* name, const Tensor& t, const Tensor& model) {
  if (same_strides(t.dims(), t.strides(), model.strides())) return t;
  const bool channels_last = prefers_channels_last(model);
  Tensor copy = t.contiguous(channels_last ? Layout::ChannelsLast : Layout::Contiguous);
  report(op, name, t, copy);
  return copy;
}

Tensor dense(const char* op, const char* name, const Tensor& t) {
  if (t.is_dense()) return t;
  Tensor copy = t.contiguous();
  report(op, name, t, copy);
  return copy;
}

}  // namespace fledge
