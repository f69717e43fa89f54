// Where a command computes and how exactly: what --device and --precision come to.
#pragma once
#include <optional>
#include <string>

#include "data/views/transforms.h"
#include "kernels/api/exec_context.h"
#include "train/spec/options.h"

namespace fledge {

struct Compute {
  Device device;
  DType activations = DType::Float32;  // of the backbone; weights, statistics, distances and losses are float32 always
  Precision products = Precision::Strict;

  bool on_device() const { return device.type != Device::Type::CPU; }
};

/// What the options mean on this machine. "auto": a GPU where one can be used, else the CPU.
/// Errors: a word that is no device (Usage), tf32 on the CPU and whole numbers on a GPU (Usage), a GPU that is not
/// there (Resource: what is missing).
Compute compute_of(const MachineSpec& o);
/// The same, and applies --threads, --device and --precision to the process. Says precision_note() on stderr, unless
/// --quiet.
Compute apply(const MachineSpec& o);
/// Why a precision that was asked for is no gain on this machine, and what to do; empty where it may be one.
std::string precision_note(const Compute& c);

/// What a precision is on this CPU: int8 is int16 where bytes are not multiplied.
RunPrecision computed(RunPrecision asked);

/// What a teacher's own precision comes to; nothing: it has none. Errors (Usage): not with --precision f32 on the CPU.
std::optional<Precision> products_of(TeacherPrecision teacher, const Compute& c);

/// "NVIDIA H100 80GB HBM3, tf32"; empty for the CPU.
std::string describe(const Compute& c, const MachineSpec& o);

}  // namespace fledge
