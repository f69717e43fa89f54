#include "tensor/print.h"

#include <cstdio>

namespace fledge {

namespace {

struct Printer {
  const std::vector<double>& values;
  const Dims& dims;
  int max_per_axis;
  std::string text;

  void number(double v) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.4g", v);
    text += buffer;
  }

  // The part of the values that starts at `first` and has the sizes of the axes from `axis` on.
  void axis(int axis, std::int64_t first) {
    if (axis == dims.rank()) return number(values[static_cast<std::size_t>(first)]);
    std::int64_t step = 1;
    for (int i = axis + 1; i < dims.rank(); ++i) step *= dims[i];
    const std::int64_t n = dims[axis];
    const bool shortened = n > max_per_axis;
    const std::int64_t head = shortened ? (max_per_axis + 1) / 2 : n, tail = shortened ? max_per_axis / 2 : 0;
    text += "[";
    for (std::int64_t i = 0; i < n; ++i) {
      if (i == head) {
        text += head > 0 ? ", ..." : "...";
        i = n - tail;
        if (i == n) break;
      }
      if (i > 0) text += ", ";
      this->axis(axis + 1, first + i * step);
    }
    text += "]";
  }
};

}  // namespace

std::string to_string(const Tensor& t, int max_per_axis) {
  if (!t.defined()) return "tensor undefined";
  const std::vector<double> values = t.to_vector<double>();
  Printer printer{values, t.dims(), max_per_axis < 0 ? 0 : max_per_axis, {}};
  printer.axis(0, 0);
  return "tensor " + to_string(t.dims()) + " " + name_of(t.dtype()) + " " + printer.text;
}

}  // namespace fledge
