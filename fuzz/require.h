// Assertions of the fuzz targets.
#ifndef MILLRACE_FUZZ_REQUIRE_H_
#define MILLRACE_FUZZ_REQUIRE_H_

#include <cstdlib>

namespace millrace {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace millrace

#endif  // MILLRACE_FUZZ_REQUIRE_H_
