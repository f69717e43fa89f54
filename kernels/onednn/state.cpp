#include "kernels/onednn/state.h"

#include <omp.h>
#include <sys/mman.h>

#include "kernels/onednn/isa.h"

namespace fledge::onednn {

const dnnl::engine& engine() {
  // Never destroyed: slots of static tensors may outlive every other static object.
  static const dnnl::engine* const e = [] {
    cap_isa();
    return new dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return *e;
}

State::State() : stream(engine()) {}

void use_threads_of(const ExecContext& ctx) {
  if (omp_get_max_threads() != ctx.threads()) omp_set_num_threads(ctx.threads());
}

State& state_of(ExecContext& ctx) {
  static constexpr char kOwner = 0;
  return ctx.state<State>(&kOwner);
}

void require_room_for_code() {
  constexpr std::size_t kRoom = std::size_t{32} << 20;
  void* const room = ::mmap(nullptr, kRoom, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) throw dnnl::error(dnnl_out_of_memory, "no memory for the code of a primitive");
  ::munmap(room, kRoom);
}

void rethrow(const dnnl::error& e, const char* op, const std::string& problem) {
  const bool memory = e.status == dnnl_out_of_memory;
  throw Error(memory ? ErrorKind::Resource : ErrorKind::Internal, op,
              "oneDNN " + library().version + " failed: " + e.what() + " (status " +
                  std::to_string(static_cast<int>(e.status)) + ") for " + problem,
              memory ? "use a smaller batch or picture size"
                     : "ONEDNN_VERBOSE=2 shows its reason; FLEDGE_CPU_KERNELS=simd runs without oneDNN");
}

}  // namespace fledge::onednn
