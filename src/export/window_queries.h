// Which windows one query of the raw export reads, sized by volume. Pure.
#ifndef MILLRACE_EXPORT_WINDOW_QUERIES_H_
#define MILLRACE_EXPORT_WINDOW_QUERIES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "export/event_windows.h"

namespace millrace {

// The windows that are still to be read, and what is known of their volume: neighbours are joined
// while they have at most `target_rows` together. A window that was not read before counts as one
// like those before it; the first query of unknown windows reads one.
class WindowQueries {
 public:
  WindowQueries(uint64_t target_rows, int64_t max_windows)
      : target_rows_(target_rows), max_windows_(max_windows) {}

  struct Query {
    WindowRange windows;
    int pieces = 1;  // in which a window alone is read, because it is large
  };

  // `rows`: as many as the window had when it was last read; nullopt: it was not.
  void Add(int64_t window, std::optional<uint64_t> rows) { windows_.emplace(window, rows); }
  // What the windows that were just read had on average.
  void Learn(uint64_t rows_per_window) { rows_per_window_ = rows_per_window; }
  // The next query, whose windows are removed; nullopt: none is left.
  std::optional<Query> Take();
  size_t windows() const { return windows_.size(); }

 private:
  const uint64_t target_rows_;
  const int64_t max_windows_;
  std::map<int64_t, std::optional<uint64_t>> windows_;
  std::optional<uint64_t> rows_per_window_;
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_WINDOW_QUERIES_H_
