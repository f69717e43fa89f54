// Error: the one exception of fledge. A message names the thing, the reason, and the way out.
#pragma once
#include <stdexcept>
#include <string>

namespace fledge {

/// What went wrong, in the terms of the process exit codes (README of apps/).
enum class ErrorKind {
  Internal = 1,  // unexpected: a broken promise of our own
  Usage = 2,     // wrong arguments, configuration or shapes
  BadInput = 3,  // bad, unsafe or unsupported input file
  Resource = 4,  // no disk, memory or device
  Numeric = 5,   // NaN, infinity, collapse guard
};

class Error : public std::runtime_error {
 public:
  /// what() reads "[op] problem; hint" (brackets left out when op is empty, "; hint" when hint is empty).
  Error(ErrorKind kind, const std::string& op, const std::string& problem, const std::string& hint = "")
      : std::runtime_error((op.empty() ? "" : "[" + op + "] ") + problem + (hint.empty() ? "" : "; " + hint)),
        kind_(kind),
        op_(op),
        problem_(problem),
        hint_(hint) {}

  ErrorKind kind() const { return kind_; }
  const std::string& op() const { return op_; }
  const std::string& problem() const { return problem_; }
  const std::string& hint() const { return hint_; }

 private:
  ErrorKind kind_;
  std::string op_, problem_, hint_;
};

}  // namespace fledge
