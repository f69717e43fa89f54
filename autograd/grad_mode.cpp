#include "autograd/grad_mode.h"

namespace fledge {
namespace {
thread_local bool enabled = true;
}

bool grad_enabled() { return enabled; }

NoGradGuard::NoGradGuard() : previous_(enabled) { enabled = false; }
NoGradGuard::~NoGradGuard() { enabled = previous_; }

GradGuard::GradGuard() : previous_(enabled) { enabled = true; }
GradGuard::~GradGuard() { enabled = previous_; }

}  // namespace fledge
