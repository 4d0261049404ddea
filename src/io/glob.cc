#include "io/glob.h"

#include <algorithm>

#include "io/object_store.h"

namespace millrace {
namespace {

// Matches `c` against the class at the head of `pattern` ("[a-c]", "[!x]") and cuts it off. A '['
// without its ']' stands for itself.
bool MatchClass(std::string_view& pattern, char c) {
  const size_t end = pattern.find(']', 2);
  if (end == std::string_view::npos) {
    pattern.remove_prefix(1);
    return c == '[';
  }
  std::string_view members = pattern.substr(1, end - 1);
  pattern.remove_prefix(end + 1);
  const bool negated = members[0] == '!' || members[0] == '^';
  if (negated) members.remove_prefix(1);
  bool found = false;
  for (size_t i = 0; i < members.size(); ++i) {
    if (i + 2 < members.size() && members[i + 1] == '-') {
      found |= members[i] <= c && c <= members[i + 2];
      i += 2;
    } else {
      found |= members[i] == c;
    }
  }
  return found != negated;
}

// One segment against one segment's pattern. Linear in the text per '*': after a mismatch only the
// last '*' is tried again.
bool MatchSegment(std::string_view pattern, std::string_view text, bool hidden) {
  if (hidden && (pattern.empty() || pattern[0] != text[0])) return false;
  std::string_view pattern_after_star;
  std::string_view text_after_star;
  bool star = false;
  for (;;) {
    if (!pattern.empty() && pattern[0] == '*') {
      pattern.remove_prefix(1);
      pattern_after_star = pattern;
      text_after_star = text;
      star = true;
      continue;
    }
    if (text.empty()) return pattern.empty();
    bool matches = false;
    if (!pattern.empty()) {
      if (pattern[0] == '[') {
        matches = MatchClass(pattern, text[0]);
      } else {
        matches = pattern[0] == '?' || pattern[0] == text[0];
        pattern.remove_prefix(1);
      }
    }
    if (matches) {
      text.remove_prefix(1);
    } else {
      if (!star) return false;
      text_after_star.remove_prefix(1);
      text = text_after_star;
      pattern = pattern_after_star;
    }
  }
}

// Calls `visit` with each '/'-separated part of `path`; what stands before a '/' is a folder.
template <typename Visit>
void ForEachSegment(std::string_view path, Visit visit) {
  for (;;) {
    const size_t slash = path.find('/');
    const bool last = slash == std::string_view::npos;
    visit(path.substr(0, slash), last ? SegmentKind::kFile : SegmentKind::kFolder);
    if (last) return;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

bool HasWildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

bool IsHiddenName(std::string_view segment, SegmentKind kind) {
  if (segment.starts_with('.')) return true;
  if (!segment.starts_with('_')) return false;
  const size_t equals = segment.find('=');
  const bool partition = equals != std::string_view::npos && equals > 1;
  return kind == SegmentKind::kFile || !partition;
}

Glob::Glob(std::string_view pattern) {
  ForEachSegment(pattern, [this](std::string_view segment, SegmentKind) {
    if (segment.size() > 2 && segment.substr(0, 2) == "**") {
      segments_.emplace_back("**");
      segment.remove_prefix(1);
    }
    segments_.emplace_back(segment);
  });
}

// Adds `place`, and the places after it that are reached without a segment.
void Glob::AddWithSkips(size_t place, State& state) const {
  for (;; ++place) {
    if (std::find(state.begin(), state.end(), place) == state.end()) state.push_back(place);
    if (place == segments_.size() || segments_[place] != "**") return;
  }
}

Glob::State Glob::Start() const {
  State state;
  AddWithSkips(0, state);
  return state;
}

Glob::State Glob::Advance(const State& state, std::string_view segment, SegmentKind kind) const {
  return Advance(state, segment, IsHiddenName(segment, kind));
}

bool Glob::IsLeftOutAsHidden(const State& state, std::string_view segment, SegmentKind kind) const {
  if (!IsHiddenName(segment, kind)) return false;
  const auto matches = [&](const State& next) {
    return kind == SegmentKind::kFolder ? !next.empty() : Accepts(next);
  };
  return !matches(Advance(state, segment, /*hidden=*/true)) &&
         matches(Advance(state, segment, /*hidden=*/false));
}

Glob::State Glob::Advance(const State& state, std::string_view segment, bool hidden) const {
  State next;
  for (const size_t place : state) {
    if (place == segments_.size()) continue;
    if (segments_[place] == "**") {
      if (!hidden) AddWithSkips(place, next);
    } else if (MatchSegment(segments_[place], segment, hidden)) {
      AddWithSkips(place + 1, next);
    }
  }
  return next;
}

bool Glob::Accepts(const State& state) const {
  return std::find(state.begin(), state.end(), segments_.size()) != state.end();
}

bool GlobMatches(std::string_view pattern, std::string_view path) {
  const Glob glob(pattern);
  Glob::State state = glob.Start();
  ForEachSegment(path, [&](std::string_view segment, SegmentKind kind) {
    state = glob.Advance(state, segment, kind);
  });
  return glob.Accepts(state);
}

}  // namespace millrace
