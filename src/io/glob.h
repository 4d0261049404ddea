// Glob patterns, matched one path segment at a time, so that a walk can skip folders in which
// nothing can match.
#ifndef MILLRACE_IO_GLOB_H_
#define MILLRACE_IO_GLOB_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// True if `text` has a character that is special in globs.
bool HasWildcard(std::string_view text);

// The kind of a path segment.
enum class SegmentKind { kFolder, kFile };

// True for names that begin with '.' or '_', like markers, logs and temporary files of many
// writers; but not for the folders "_name=value" of Hive partitions, which contain data.
bool IsHiddenName(std::string_view segment, SegmentKind kind);

// A compiled pattern. `*`, `?` and `[a-c]` match within a segment, a segment `**` any number of
// segments, and `**x` means `**` followed by `*x`. A wildcard does not match a hidden segment
// unless the pattern's segment begins with the same character.
class Glob {
 public:
  // The places in the pattern that a path may have reached; empty: it cannot match any more.
  using State = std::vector<size_t>;

  explicit Glob(std::string_view pattern);

  State Start() const;
  // The state after one more segment of the path.
  State Advance(const State& state, std::string_view segment, SegmentKind kind) const;
  // True if the pattern could match a path with this segment, were the segment not hidden.
  bool IsLeftOutAsHidden(const State& state, std::string_view segment, SegmentKind kind) const;
  // True if a path that ends here matches.
  bool Accepts(const State& state) const;

 private:
  State Advance(const State& state, std::string_view segment, bool hidden) const;
  void AddWithSkips(size_t place, State& state) const;

  std::vector<std::string> segments_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_GLOB_H_
