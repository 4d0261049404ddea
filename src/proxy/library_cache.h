// The SDK's JavaScript as its server last sent it, in memory.
#ifndef MILLRACE_PROXY_LIBRARY_CACHE_H_
#define MILLRACE_PROXY_LIBRARY_CACHE_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace millrace::proxy {

struct CachedFile {
  std::string body;
  std::string content_type;
  std::string etag;
  absl::Duration max_age;
  absl::Time fresh_until;
};

// Thread-safe. When it is full, what was used longest ago makes room.
class LibraryCache {
 public:
  explicit LibraryCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Null: it is not there. It may be stale.
  std::shared_ptr<const CachedFile> Find(const std::string& path);
  void Put(const std::string& path, std::shared_ptr<const CachedFile> file);

 private:
  struct Entry {
    std::shared_ptr<const CachedFile> file;
    uint64_t used = 0;
  };
  static size_t BytesOf(const std::string& path, const CachedFile& file);
  void MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_bytes_;
  absl::Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Whether the path of a library may be requested from its server: only letters, digits and "._-/",
// no empty, "." or ".." segment, not too long.
bool IsLibraryPath(std::string_view path);

// The max-age of a Cache-Control header, from a minute to a day; `otherwise` if there is none.
absl::Duration MaxAge(std::string_view cache_control, absl::Duration otherwise);

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_LIBRARY_CACHE_H_
