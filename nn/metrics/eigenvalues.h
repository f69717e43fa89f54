// Eigenvalues of a symmetric matrix. Private to nn/metrics/.
#pragma once
#include <cstdint>
#include <vector>

namespace fledge {

/// All n eigenvalues, largest first. `a`: n x n row-major, of which the lower triangle is read. Householder reduction
/// to tridiagonal form, then QL with implicit shifts (Golub & Van Loan, sections 8.3.1 and 8.3.3): 4/3 n^3 operations.
/// Errors (Numeric): not converged, as with NaN.
std::vector<double> symmetric_eigenvalues(std::vector<double> a, std::int64_t n);

}  // namespace fledge
