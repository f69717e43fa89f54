// Comparisons, counts and means that losses divide by or log. On the CPU they are numbers of the host, in double; on a
// device they stay tensors (0-d float32, exact up to 2^24) and are computed by tensor ops alone, so that a step neither
// waits nor depends on what it would read, and can be recorded. Private to nn/losses/.
#pragma once
#include "autograd/variable.h"
#include "nn/losses/logged_number.h"

namespace fledge {

/// Values may be read without waiting.
inline bool on_host(const Tensor& t) { return t.device().type == Device::Type::CPU; }

/// 1 where x > 0 (x >= 0), else 0, also for NaN. Of x's dtype.
Tensor above_zero(const Tensor& x);
Tensor not_below_zero(const Tensor& x);
/// 1 where a whole number that is not negative is not 0.
Tensor not_none(const Tensor& count);
/// The uint8 mask as 0 and 1, for products.
Tensor factors(const Tensor& mask, DType dtype);

/// Marked elements.
LoggedNumber count_of(const Tensor& mask);
/// The sum of all elements over a number.
LoggedNumber total_of(const Tensor& x, double divisor = 1);
LoggedNumber plus(const LoggedNumber& a, const LoggedNumber& b);
LoggedNumber times(const LoggedNumber& a, double factor);
/// a / b; b is a count, and where it is 0 so is the quotient (a is to be 0 then).
double ratio(double a, double b);
LoggedNumber ratio(const LoggedNumber& a, const LoggedNumber& b);
/// The same for a value with a gradient, which does not flow through the count.
Variable over(const Variable& total, const LoggedNumber& count);

/// gradient * dy * factor / divisor: what a node returns that saved its gradient, dy being that of its scalar value.
Tensor times_scalar(const Tensor& gradient, const Tensor& dy, double factor = 1, double divisor = 1);

}  // namespace fledge
