#include "export/window_queries.h"

#include <algorithm>

namespace millrace {

std::optional<WindowQueries::Query> WindowQueries::Take() {
  if (windows_.empty()) return std::nullopt;
  const int64_t first = windows_.begin()->first;
  Query query = {.windows = {first, first}};
  uint64_t rows = 0;
  while (!windows_.empty()) {
    const auto [window, known] = *windows_.begin();
    const std::optional<uint64_t> volume = known ? known : rows_per_window_;
    const bool is_neighbour = window - query.windows.last <= 1 && window - first < max_windows_;
    const bool has_room = volume && rows + *volume <= target_rows_;
    if (window != first && !(is_neighbour && has_room)) break;
    query.windows.last = window;
    windows_.erase(windows_.begin());
    if (!volume) break;
    rows += *volume;
  }
  if (query.windows.size() == 1 && rows > target_rows_) {
    const uint64_t pieces = (rows + target_rows_ - 1) / target_rows_;
    query.pieces = static_cast<int>(std::min<uint64_t>(pieces, EventWindows::kMaxPieces));
  }
  return query;
}

}  // namespace millrace
