#include "kernels/cudnn/graph.h"

#define CUDNN_FRONTEND_SKIP_JSON_LIB
#include <cudnn_frontend.h>
#include <dlfcn.h>

#include <algorithm>
#include <vector>

namespace fledge::cudnn {
namespace {

namespace fe = cudnn_frontend;
using fe::graph::Tensor_attributes;
using Tensor = std::shared_ptr<Tensor_attributes>;

void check(fe::error_t error) {
  if (error.is_bad()) throw VendorError(error.get_message());
}

/// The frontend reads an engine's notes but shows them to nobody.
class Graph : public fe::graph::Graph {
 public:
  unsigned numerical_notes(std::int64_t i) const {
    unsigned bits = 0;
    for (const fe::NumericalNote_t note : plans.numeric_notes[i]) {  // its first is 1, cuDNN's is 0
      if (note != fe::NumericalNote_t::NOT_SET) bits |= 1u << (static_cast<int>(note) - 1);
    }
    return bits;
  }
  bool compiled_at_run_time(std::int64_t i) const {
    const auto& notes = plans.behavior_notes[i];
    return std::find(notes.begin(), notes.end(), fe::BehaviorNote_t::RUNTIME_COMPILATION) != notes.end();
  }
  void drop(std::int64_t i) { plans.execution_plans[i].reset(); }
};
static_assert(static_cast<int>(fe::NumericalNote_t::TENSOR_CORE) - 1 == CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
static_assert(static_cast<int>(fe::NumericalNote_t::STRICT_NAN_PROP) - 1 == CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP);

/// Writes a problem's operations into a graph. Operand i of run() has the id i + 1.
class Writer {
 public:
  Writer(Graph& graph, const ProblemKey& key) : graph_(graph), key_(key) {}

  void write() {
    switch (key_.direction) {
      case ConvDirection::Forward:
        return forward();
      case ConvDirection::GradInput: {
        const Tensor dy = input("dy", y_dims()), w = input("w", w_dims());
        return output(graph_.conv_dgrad(dy, w, convolution<fe::graph::Conv_dgrad_attributes>()), x_dims(), ++last_id_);
      }
      case ConvDirection::GradWeight: {
        const Tensor dy = input("dy", y_dims()), x = input("x", x_dims());
        return output(graph_.conv_wgrad(dy, x, convolution<fe::graph::Conv_wgrad_attributes>()), w_dims(), ++last_id_);
      }
    }
  }

 private:
  using Sizes = std::vector<std::int64_t>;
  Sizes x_dims() const { return {key_.n, key_.c, key_.h, key_.w}; }
  Sizes w_dims() const { return {key_.k, key_.c / key_.groups, key_.r, key_.s}; }
  Sizes y_dims() const { return {key_.n, key_.k, key_.p(), key_.q()}; }
  static Sizes channels_last(const Sizes& d) { return {d[1] * d[2] * d[3], 1, d[3] * d[1], d[1]}; }

  Tensor input(const char* name, const Sizes& dims) {
    return graph_.tensor(Tensor_attributes()
                             .set_name(name)
                             .set_uid(++last_id_)
                             .set_dim(dims)
                             .set_stride(channels_last(dims))
                             .set_alignment(key_.alignment));
  }
  void output(const Tensor& t, const Sizes& dims, std::int64_t id) {
    t->set_output(true).set_uid(id).set_dim(dims).set_stride(channels_last(dims)).set_alignment(key_.alignment);
  }
  template <class Attributes>
  Attributes convolution() const {
    return Attributes()
        .set_pre_padding({key_.pad_top, key_.pad_left})
        .set_post_padding({key_.pad_bottom, key_.pad_right})
        .set_stride({key_.stride_h, key_.stride_w})
        .set_dilation({1, 1});
  }

  void forward() {
    const Tensor x = input("x", x_dims()), w = input("w", w_dims());
    const std::int64_t y_id = ++last_id_;
    Tensor y = graph_.conv_fprop(x, w, convolution<fe::graph::Conv_fprop_attributes>());
    y->set_dim(y_dims()).set_stride(channels_last(y_dims()));
    // Residual before bias, and the bias in the type of the data: only so do the compiled engines know the pattern.
    if (key_.epilogue & kResidual) y = add(y, input("residual", y_dims()));
    if (key_.epilogue & kBias) y = add(y, input("bias", {1, key_.k, 1, 1}));
    if (key_.epilogue & (kReLU | kReLU6)) {
      auto relu = fe::graph::Pointwise_attributes().set_mode(fe::PointwiseMode_t::RELU_FWD);
      if (key_.epilogue & kReLU6) relu.set_relu_upper_clip(6.0f);
      y = graph_.pointwise(y, relu);
    }
    output(y, y_dims(), y_id);
  }
  Tensor add(const Tensor& a, const Tensor& b) {
    return graph_.pointwise(a, b, fe::graph::Pointwise_attributes().set_mode(fe::PointwiseMode_t::ADD));
  }

  Graph& graph_;
  const ProblemKey& key_;
  std::int64_t last_id_ = 0;
};

/// cuDNN opens NVRTC for many a plan and closes it again, which takes several times as long as the plan: it stays.
void keep_nvrtc_loaded() {
  static void* const library = dlopen(("libnvrtc.so." + std::to_string(CUDART_VERSION / 1000)).c_str(), RTLD_LAZY);
  (void)library;  // where it is missing cuDNN says what it lacks
}

}  // namespace

struct ConvGraph::State {
  Graph graph;
  std::vector<std::int64_t> accepted;  // indices of the frontend's list
  std::string failure;
};

ConvGraph::ConvGraph(const ProblemKey& key, const Target& target) : state_(std::make_unique<State>()) {
  keep_nvrtc_loaded();
  Graph& graph = state_->graph;
  graph.set_io_data_type(key.bfloat16() ? fe::DataType_t::BFLOAT16 : fe::DataType_t::FLOAT)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  if (!target.handle) {
    const auto device = std::make_shared<fe::DeviceProperties>();
    check(device->deserialize({target.device_json.begin(), target.device_json.end()}));
    graph.set_device_properties(device);
  }
  Writer(graph, key).write();
  check(graph.validate());
  check(graph.build_operation_graph(target.handle));
  check(graph.create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}));
  for (std::int64_t i = 0; i < graph.get_execution_plan_count(); ++i) {
    if (acceptable(key, graph.numerical_notes(i), graph.compiled_at_run_time(i))) state_->accepted.push_back(i);
  }
  if (state_->accepted.empty())
    throw VendorError("none of its " + std::to_string(graph.get_execution_plan_count()) +
                      " engines is deterministic, precise and fast enough");
}

ConvGraph::~ConvGraph() = default;

int ConvGraph::candidates() const { return static_cast<int>(state_->accepted.size()); }

bool ConvGraph::build(int candidate) {
  fe::error_t error = state_->graph.build_plan_at_index(state_->accepted[candidate]);
  if (error.is_bad()) state_->failure = error.get_message();
  return error.is_good();
}

void ConvGraph::drop(int candidate) { state_->graph.drop(state_->accepted[candidate]); }

const std::string& ConvGraph::failure() const { return state_->failure; }

std::size_t ConvGraph::workspace(int candidate) const {
  std::int64_t bytes = 0;
  check(state_->graph.get_workspace_size_plan_at_index(state_->accepted[candidate], bytes));
  return static_cast<std::size_t>(bytes);
}

std::string ConvGraph::name(int candidate) const {
  std::string name;
  check(state_->graph.get_plan_name_at_index(state_->accepted[candidate], name));
  return name;
}

bool ConvGraph::compiled_at_run_time(int candidate) const {
  return state_->graph.compiled_at_run_time(state_->accepted[candidate]);
}

void ConvGraph::run(cudnnHandle_t handle, int candidate, void* const* operands, int count, void* workspace) const {
  check(state_->graph.execute_plan_at_index(handle, const_cast<void**>(operands), count, workspace,
                                            state_->accepted[candidate]));
}

}  // namespace fledge::cudnn
