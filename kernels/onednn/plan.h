// Plan: everything reusable for one problem. The primitive, its memory objects (made once, given data pointers at each
// call), the packing of the weights, and how much scratch the call needs.
#pragma once
#include <array>
#include <cstddef>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "kernels/api/exec_context.h"
#include "kernels/plan/conv_problem.h"

namespace fledge::onednn {

/// A convolution. Pointer alignment does not change which primitive oneDNN builds.
struct ConvKey : ConvProblem {
  std::int64_t threads = 0;  // primitives are built for a thread count

  friend bool operator==(const ConvKey&, const ConvKey&) = default;
};

/// A product; letters as in kernels/api/gemm.h. Every matrix is row-major without gaps.
struct MatmulKey {
  std::int64_t dtype = 0;  // of the matrices, a DType
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t transpose_a = 0, transpose_b = 0, bias = 0;
  std::int64_t pack_b = 0;       // in a layout of the primitive's choice
  std::int64_t stored_rows = 0;  // part of a transposed a: how many rows of c the whole has
  std::int64_t threads = 0;

  friend bool operator==(const MatmulKey&, const MatmulKey&) = default;

  std::int64_t work() const { return m * n * k; }  // multiply-adds
};

/// The problem in words, for error messages.
std::string describe(const ConvKey& key);
std::string describe(const MatmulKey& key);
/// As choices by the clock name it.
inline std::string problem_text(const ConvKey& key) { return text_of(key, key.threads); }
inline std::string problem_text(const MatmulKey& key) { return "matmul " + describe(key); }

/// A dtype in the vendor's terms; of the floating ones.
dnnl::memory::data_type data_type_of(std::int64_t dtype);

/// One oneDNN primitive with its arguments. Not thread-safe, like the context it lives in.
class Executable {
 public:
  Executable() = default;
  explicit Executable(dnnl::primitive primitive) : primitive_(std::move(primitive)) {}
  /// Declares an argument; returns its index for set(). At most kMaxOperands.
  int add(int dnnl_arg, const dnnl::memory::desc& desc);
  void set(int operand, const void* data) {
    dnnl_memory_set_data_handle(args_[operand].memory, const_cast<void*>(data));
  }
  /// Throws dnnl::error.
  void run(const dnnl::stream& stream) const {
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive_.get(), stream.get(), count_, args_.data()),
                            "could not execute a primitive");
  }

 private:
  static constexpr int kMaxOperands = 6;
  dnnl::primitive primitive_;
  std::array<dnnl::memory, kMaxOperands> memories_;
  std::array<dnnl_exec_arg_t, kMaxOperands> args_{};
  int count_ = 0;
};

/// How a weight gets from the project's plain layout into the primitive's (or, for a weight gradient, back).
struct Packing {
  bool needed = false;    // false: the primitive takes the plain layout
  int layout = 0;         // the same number for the same pair of layouts, in the whole process
  std::size_t bytes = 0;  // of the packed form
  std::size_t scratch = 0;
  Executable reorder;  // operands: 0 from, 1 to, 2 scratchpad
};

struct Plan {
  Executable main;  // operand indices are the business of conv.cpp and gemm.cpp
  Packing packing;
  std::size_t scratch = 0;     // of the primitive
  std::string implementation;  // the vendor's name for it

  /// Carves a call's scratch from the context: room for the packed weight if wanted, behind it the work area (shared by
  /// reorder and primitive, which run in turn). The work area comes last so that a test can see a primitive overrun it.
  struct Scratch {
    char* room;
    char* work;
  };
  Scratch take_scratch(ExecContext& ctx, bool with_room) const;
};

/// Fills plan.packing for a reorder from one layout to the other. `plain` and `packed` say which weight layouts are
/// meant.
void plan_packing(Plan& plan, const dnnl::memory::desc& plain, const dnnl::memory::desc& packed, bool unpack);

/// The weight in the primitive's layout: the plain bytes themselves, the packed copy in the weight's slot (packed again
/// when its version has moved on), or a copy packed into the scratch's room when the weight has no slot
/// (kernels/plan/packed_weights.h).
const void* packed_weight(Plan& plan, const dnnl::stream& stream, const TensorView& w, Plan::Scratch scratch);

/// True when packed_weight() will need the room.
bool needs_room(const Plan& plan, const TensorView& w);

}  // namespace fledge::onednn
