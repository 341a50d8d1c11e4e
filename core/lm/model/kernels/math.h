// Scalar functions whose bits must not depend on the C library or the processor: plain IEEE
// operations, each rounded once (the build never contracts them).
#pragma once

namespace retort {

/// Natural logarithm of a finite x > 0 that is not subnormal; error below 2 units of the last
/// place.
double NaturalLog(double x);

}  // namespace retort
