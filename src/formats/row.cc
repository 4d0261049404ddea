#include "formats/row.h"

#include <atomic>
#include <utility>

namespace millrace {

RowShape RowShape::Make(std::vector<std::string> names) {
  static std::atomic<uint64_t> last_id{0};
  return {last_id.fetch_add(1, std::memory_order_relaxed) + 1, std::move(names)};
}

}  // namespace millrace
