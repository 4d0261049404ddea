#include "stores/key_filter.h"

#include <algorithm>

namespace millrace {
namespace {

size_t FirstWildcard(std::string_view pattern) {
  return std::min(pattern.find_first_of("*?["), pattern.size());
}

std::string_view FolderOf(std::string_view pattern) {
  return pattern.substr(0, pattern.substr(0, FirstWildcard(pattern)).rfind('/') + 1);
}

}  // namespace

KeyFilter::KeyFilter(std::string_view glob)
    : KeyFilter(FolderOf(glob), glob.substr(0, FirstWildcard(glob)),
                glob.substr(FolderOf(glob).size())) {}

KeyFilter KeyFilter::Below(std::string_view folder) { return KeyFilter(folder, folder, "**"); }

KeyFilter::KeyFilter(std::string_view folder, std::string_view prefix, std::string_view glob)
    : folder_(folder), prefix_(prefix), glob_(glob), current_(folder_), state_(glob_.Start()) {}

bool KeyFilter::Accepts(std::string_view key) {
  hidden_.clear();
  if (!key.starts_with(prefix_)) return false;
  const std::string_view folder = key.substr(0, key.rfind('/') + 1);
  if (folder != current_) {
    current_ = folder;
    state_ = glob_.Start();
    for (size_t at = folder_.size(); at < folder.size();) {
      const size_t slash = folder.find('/', at);
      const std::string_view segment = folder.substr(at, slash - at);
      Glob::State next = glob_.Advance(state_, segment, SegmentKind::kFolder);
      at = slash + 1;
      if (next.empty()) {
        const bool known = dead_ == folder.substr(0, at);
        if (!known && glob_.IsLeftOutAsHidden(state_, segment, SegmentKind::kFolder)) {
          hidden_ = folder.substr(0, at);
        }
        dead_ = folder.substr(0, at);
        state_.clear();
        return false;
      }
      state_ = std::move(next);
    }
    dead_.clear();
  }
  if (state_.empty() || key.size() == folder.size()) return false;
  const std::string_view name = key.substr(folder.size());
  if (glob_.Accepts(glob_.Advance(state_, name, SegmentKind::kFile))) return true;
  if (glob_.IsLeftOutAsHidden(state_, name, SegmentKind::kFile)) hidden_ = key;
  return false;
}

std::string KeyFilter::NextPossible() const {
  if (dead_.empty()) return "";
  std::string next = dead_;
  ++next.back();  // '/' becomes '0', the next byte
  return next;
}

}  // namespace millrace
