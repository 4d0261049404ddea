// Where reading resumes.
#ifndef MILLRACE_BASE_POSITION_H_
#define MILLRACE_BASE_POSITION_H_

#include <cstdint>

namespace millrace {

// A place between two rows of an object: `row` rows precede it, and `byte` bytes of the
// decompressed stream (0 in formats that find rows otherwise). In the ledger the rows before it are
// accounted for.
struct Position {
  uint64_t row = 0;
  uint64_t byte = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

}  // namespace millrace

#endif  // MILLRACE_BASE_POSITION_H_
