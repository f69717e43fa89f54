#include "autograd/ops/device.h"

#include "autograd/node.h"

namespace fledge {
namespace {

class ToDeviceNode : public Node {
 public:
  explicit ToDeviceNode(Device from) : from_(from) {}
  const char* name() const override { return "to_device"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override { return {dy.to(from_)}; }
  void release() override {}

 private:
  Device from_;
};

}  // namespace

Variable to_device(const Variable& x, Device device) {
  const Device from = x.value().device();
  if (device == from) return x;
  Tensor y = x.value().to(device);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<ToDeviceNode>(from), {x});
}

}  // namespace fledge
