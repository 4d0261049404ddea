// Globs against paths: the walk that skips folders agrees with the match of whole paths, and
// nothing takes longer than its size allows. The input is "pattern\npath".
#include <cstdint>
#include <string_view>

#include "io/glob.h"
#include "io/object_store.h"
#include "require.h"

namespace millrace {
namespace {

// A path without a remaining position cannot match, whatever follows.
bool WalkMatches(const Glob& glob, std::string_view path) {
  Glob::State state = glob.Start();
  for (;;) {
    const size_t slash = path.find('/');
    const bool last = slash == std::string_view::npos;
    const SegmentKind kind = last ? SegmentKind::kFile : SegmentKind::kFolder;
    Require(!last || !glob.IsLeftOutAsHidden(state, path.substr(0, slash), kind) ||
            !glob.Accepts(glob.Advance(state, path.substr(0, slash), kind)));
    state = glob.Advance(state, path.substr(0, slash), kind);
    if (slash == std::string_view::npos) return glob.Accepts(state);
    if (state.empty()) return false;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t cut = text.find('\n');
  if (cut == std::string_view::npos) return 0;
  const std::string_view pattern = text.substr(0, cut);
  const std::string_view path = text.substr(cut + 1);
  const bool matches = GlobMatches(pattern, path);
  Require(matches == WalkMatches(Glob(pattern), path));
  if (!HasWildcard(pattern)) Require(matches == (pattern == path));
  return 0;
}
