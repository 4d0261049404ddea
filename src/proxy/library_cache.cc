#include "proxy/library_cache.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace millrace::proxy {
namespace {

constexpr size_t kMaxPathBytes = 200;
constexpr absl::Duration kMinAge = absl::Minutes(1);
constexpr absl::Duration kMaxAge = absl::Hours(24);

}  // namespace

std::shared_ptr<const CachedFile> LibraryCache::Find(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(path);
  if (found == entries_.end()) return nullptr;
  found->second.used = ++uses_;
  return found->second.file;
}

void LibraryCache::Put(const std::string& path, std::shared_ptr<const CachedFile> file) {
  const size_t bytes = BytesOf(path, *file);
  if (bytes > max_bytes_) return;
  absl::MutexLock lock(&mutex_);
  Entry& entry = entries_[path];
  if (entry.file != nullptr) bytes_ -= BytesOf(path, *entry.file);
  entry = {std::move(file), ++uses_};
  bytes_ += bytes;
  MakeRoom();
}

size_t LibraryCache::BytesOf(const std::string& path, const CachedFile& file) {
  constexpr size_t kOverhead = 256;
  return path.size() + file.body.size() + file.content_type.size() + file.etag.size() + kOverhead;
}

void LibraryCache::MakeRoom() {
  while (bytes_ > max_bytes_) {
    const auto oldest = std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    bytes_ -= BytesOf(oldest->first, *oldest->second.file);
    entries_.erase(oldest);
  }
}

bool IsLibraryPath(std::string_view path) {
  if (path.empty() || path.size() > kMaxPathBytes) return false;
  for (const absl::string_view segment : absl::StrSplit(ToAbsl(path), '/')) {
    if (segment.empty() || segment == "." || segment == "..") return false;
    for (const char c : segment) {
      const bool allowed =
          absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
      if (!allowed) return false;
    }
  }
  return true;
}

absl::Duration MaxAge(std::string_view cache_control, absl::Duration otherwise) {
  for (const absl::string_view part : absl::StrSplit(ToAbsl(cache_control), ',')) {
    std::string_view directive = TrimBlanks(ToStd(part));
    constexpr std::string_view kName = "max-age=";
    if (!absl::StartsWithIgnoreCase(ToAbsl(directive), ToAbsl(kName))) continue;
    int64_t seconds = 0;
    directive.remove_prefix(kName.size());
    if (!absl::SimpleAtoi(ToAbsl(directive), &seconds)) return otherwise;
    return std::clamp(absl::Seconds(seconds), kMinAge, kMaxAge);
  }
  return otherwise;
}

}  // namespace millrace::proxy
