#include "pipeline/ledger.h"

namespace millrace {

Counts& Counts::operator+=(const Counts& other) {
  read += other.read;
  accepted += other.accepted;
  rejected += other.rejected;
  filtered += other.filtered;
  events += other.events;
  return *this;
}

}  // namespace millrace
