#include "tensor/ops/call/check.h"

namespace fledge::check {

static std::string named(const Arg& arg) { return std::string(arg.name) + " " + describe(arg.tensor); }

void fail(const char* op, const std::string& problem, const std::string& hint) {
  throw Error(ErrorKind::Usage, op, problem, hint);
}
void fail_undefined(const char* op, const char* name) { fail(op, std::string(name) + " is undefined"); }
void fail_rank(const char* op, const Arg& arg, int rank) {
  fail(op,
       std::string(arg.name) + " must have " + std::to_string(rank) + (rank == 1 ? " axis" : " axes") + ": " +
           named(arg),
       rank == 4   ? "images are N,C,H,W, filters K,C,R,S"
       : rank == 2 ? "reshape it to rows and columns"
                   : "");
}
void fail_dtypes(const char* op, const Arg& a, const Arg& b) {
  fail(op, std::string("dtypes of ") + a.name + " and " + b.name + " must be equal: " + named(a) + ", " + named(b),
       "convert one with to(dtype)");
}
void fail_dtype(const char* op, const Arg& arg, DType wanted) {
  fail(op, std::string(arg.name) + " must be " + name_of(wanted) + ": " + named(arg), "convert it with to(dtype)");
}
void fail_devices(const char* op, const Arg& a, const Arg& b) {
  fail(op, std::string(a.name) + " and " + b.name + " must be on one device: " + named(a) + ", " + named(b));
}
void fail_same_dims(const char* op, const Arg& a, const Arg& b) {
  fail(op, std::string("sizes of ") + a.name + " and " + b.name + " must be equal: " + named(a) + ", " + named(b));
}
void fail_dims(const char* op, const Arg& arg, const Dims& wanted, const char* why) {
  fail(op, std::string(arg.name) + " must be " + to_string(wanted) + " (" + why + "): " + named(arg));
}
void fail_writable(const char* op, const Arg& arg) {
  fail(op, "cannot write into a tensor whose elements are repeated: " + named(arg), "clone() it first");
}

}  // namespace fledge::check
