// Plan: everything reusable for one problem. The primitive, its memory objects (made once, given data pointers at each
// call), the packing of the weights, and how much scratch the call needs.
#pragma once
#include <array>
#include <cstddef>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge::onednn {

enum class Op : std::int64_t { ConvForward = 1, ConvGradInput, ConvGradWeight, Matmul };

/// Names a problem. Only whole words, so no padding: compared and hashed as bytes. Strides are missing on purpose:
/// every operand is dense channels-last (conv) or row-major (matmul), so dims say it all. Pointer alignment does not
/// change which primitive oneDNN builds.
struct PlanKey {
  Op op{};
  std::int64_t threads = 0;                 // primitives are built for a thread count
  std::int64_t n = 0, c = 0, h = 0, w = 0;  // matmul: n = rows of c, c = inner length
  std::int64_t k = 0, r = 0, s = 0;         // matmul: k = columns of c
  std::int64_t stride_h = 0, stride_w = 0, groups = 0;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  std::int64_t flags = 0;        // epilogue, transposes: the bits below
  std::int64_t stored_rows = 0;  // matmul, part of a transposed a: how many rows of c the whole has

  friend bool operator==(const PlanKey&, const PlanKey&) = default;
};

// Bits of PlanKey::flags.
inline constexpr std::int64_t kBias = 1, kResidualAdd = 2, kResidualInPlace = 4, kReLU = 8, kReLU6 = 16;
inline constexpr std::int64_t kTransposeA = 32, kTransposeB = 64, kPackB = 128;

/// The problem in words, for error messages.
std::string describe(const PlanKey& key);

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
  int layout = 0;         // layout_id (packed_weights.h)
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

/// Fills plan.packing for a reorder from one layout to the other. `plain` and
/// `packed` say which weight layouts are meant.
void plan_packing(Plan& plan, const dnnl::memory::desc& plain, const dnnl::memory::desc& packed, bool unpack);

/// The weight in the primitive's layout: the plain bytes themselves, the packed copy in the weight's slot (packed again
/// when its version has moved on), or a copy packed into the scratch's room when the weight has no slot.
const void* packed_weight(Plan& plan, const dnnl::stream& stream, const TensorView& w, Plan::Scratch scratch);

/// True when packed_weight() will need the room.
bool needs_room(const Plan& plan, const TensorView& w);

}  // namespace fledge::onednn
