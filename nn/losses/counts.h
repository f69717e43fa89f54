// Comparisons, counts and means that losses divide by or log, by tensor ops alone: a step on a device neither waits nor
// depends on what it would read, and can be recorded. Counts are 0-d and, in float32, exact up to 2^24. Private to
// nn/losses/.
#pragma once
#include "autograd/variable.h"

namespace fledge {

/// 1 where x > 0 (x >= 0), else 0, also for NaN. Of x's dtype.
Tensor above_zero(const Tensor& x);
Tensor not_below_zero(const Tensor& x);
/// 1 where a whole number that is not negative is not 0.
Tensor not_none(const Tensor& count);

/// The sum of all elements over a number, 0-d.
Tensor total_of(const Tensor& x, double divisor = 1);
/// a / b, elementwise; b is a count, and where it is 0 so is the quotient (a is to be 0 then).
Tensor ratio(const Tensor& a, const Tensor& b);
/// The same for a value with a gradient, which does not flow through the count.
Variable over(const Variable& total, const Tensor& count);
/// The mean of the elements whose factor is 1, the others' being 0; 0 where there is none.
Tensor mean_of_marked(const Tensor& x, const Tensor& factor);

}  // namespace fledge
