// Glob patterns, matched one path segment at a time, so that a walk can leave out folders below
// which nothing can match.
#ifndef MILLRACE_IO_GLOB_H_
#define MILLRACE_IO_GLOB_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// True if `text` has a character that is special in globs.
bool HasWildcard(std::string_view text);

// A compiled pattern. `*`, `?` and `[a-c]` match within a segment, a segment `**` any number of
// segments, and `**x` means `**` followed by `*x`. A wildcard does not match a hidden segment (one
// that begins with '.' or '_') unless the pattern's segment begins with the same character.
class Glob {
 public:
  // The places in the pattern that a path may have come to; empty: it cannot match any more.
  using State = std::vector<size_t>;

  explicit Glob(std::string_view pattern);

  State Start() const;
  // The state behind one more segment of the path.
  State Advance(const State& state, std::string_view segment) const;
  // True if a path that ends here matches.
  bool Accepts(const State& state) const;

 private:
  void AddWithSkips(size_t place, State& state) const;

  std::vector<std::string> segments_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_GLOB_H_
