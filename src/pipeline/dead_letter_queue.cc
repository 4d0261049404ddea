#include "pipeline/dead_letter_queue.h"

#include "base/strings.h"

namespace millrace {

std::string RowName(const LedgerKey& object, uint64_t source_row) {
  return StrCat(object.object, ": row ", source_row + 1);
}

}  // namespace millrace
