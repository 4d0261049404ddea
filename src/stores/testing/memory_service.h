// A cloud in memory, with listings as awkward as a cloud's may be: short pages, and empty ones that
// are not the last.
#ifndef MILLRACE_STORES_TESTING_MEMORY_SERVICE_H_
#define MILLRACE_STORES_TESTING_MEMORY_SERVICE_H_

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "stores/cloud_error.h"
#include "stores/cloud_service.h"

namespace millrace {

class MemoryService : public CloudService {
 public:
  struct Behaviour {
    size_t page = 2;              // keys
    bool starts_anywhere = true;  // supports ListQuery::start
    bool denies_stat = false;     // as for a user who may list but not read
  };
  explicit MemoryService(Behaviour behaviour) : behaviour_(behaviour) {}

  absl::StatusOr<CloudUri> Parse(std::string_view uri) const override {
    UriParts parts;
    RETURN_IF_ERROR(SplitCloudUri(uri, "mem://BUCKET/OBJECT", parts));
    return CloudUri{std::string(parts.root), std::string(parts.bucket), std::string(parts.key)};
  }

  // Each page with keys follows an empty one. Fails after so many requests that the listing must be
  // endless.
  absl::StatusOr<ListPage> List(const std::string&, const ListQuery& query,
                                std::stop_token) override {
    absl::MutexLock lock(&mutex_);
    if (++listings_ > 10'000) return absl::InternalError("this listing does not end");
    std::string from = std::max(query.prefix, behaviour_.starts_anywhere ? query.start : "");
    bool empty = true;
    if (!query.token.empty()) {
      empty = query.token[0] == '0';
      from = query.token.substr(1);
    }
    ListPage page;
    const size_t max = empty ? 0 : std::min<size_t>(behaviour_.page, query.max);
    auto it = objects_.lower_bound(from);
    for (; it != objects_.end() && it->first.starts_with(query.prefix); ++it) {
      if (page.keys.size() == max) {
        page.next_token = (empty ? "1" : "0") + it->first;
        break;
      }
      page.keys.push_back(Describe(*it));
    }
    return page;
  }
  bool starts_anywhere() const override { return behaviour_.starts_anywhere; }

  absl::StatusOr<ListedKey> Stat(const std::string&, const std::string& key,
                                 std::stop_token) override {
    if (behaviour_.denies_stat) return absl::PermissionDeniedError("HTTP 403");
    absl::MutexLock lock(&mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return absl::NotFoundError("no such object");
    return Describe(*found);
  }

  absl::Status Check(const std::string& bucket, const ListedKey& object,
                     std::stop_token stop) override {
    return Read(bucket, object, 0, {}, std::move(stop));
  }

  absl::Status Read(const std::string&, const ListedKey& object, uint64_t offset,
                    absl::Span<char> to, std::stop_token) override {
    absl::MutexLock lock(&mutex_);
    const auto found = objects_.find(object.key);
    if (found == objects_.end()) return absl::NotFoundError("no such object");
    if (Describe(*found).version != object.version) {
      return absl::FailedPreconditionError("it was replaced since it was listed");
    }
    std::copy_n(found->second.bytes.data() + offset, to.size(), to.data());
    return absl::OkStatus();
  }

  absl::Status Put(const std::string&, const std::string& key, std::string_view bytes,
                   std::stop_token) override {
    absl::MutexLock lock(&mutex_);
    objects_[key] = {std::string(bytes), ++generation_};
    return absl::OkStatus();
  }

  absl::Status PutIfAbsent(const std::string&, const std::string& key, std::string_view bytes,
                           std::stop_token) override {
    absl::MutexLock lock(&mutex_);
    const bool created =
        objects_.try_emplace(key, Object{std::string(bytes), ++generation_}).second;
    return created ? absl::OkStatus() : absl::AlreadyExistsError("it exists already");
  }

  absl::Status Copy(const std::string& bucket, const ListedKey& from, const std::string& to,
                    std::stop_token stop) override {
    RETURN_IF_ERROR(Check(bucket, from, std::move(stop)));
    absl::MutexLock lock(&mutex_);
    objects_[to] = {objects_[from.key].bytes, ++generation_};
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const std::string&, const std::string& key,
                                                      std::stop_token) override {
    absl::MutexLock lock(&mutex_);
    const OpenUpload upload{key, StrCat("upload ", ++generation_)};
    uploads_.insert({upload.key, upload.id});
    return std::make_unique<Parts>(*this, upload);
  }

  // One for each page.
  absl::StatusOr<UploadPage> ListUploads(const std::string&, const std::string& prefix,
                                         const OpenUpload& from, std::stop_token) override {
    absl::MutexLock lock(&mutex_);
    auto it = uploads_.lower_bound(from.key.empty() ? std::pair(prefix, std::string())
                                                    : std::pair(from.key, from.id));
    UploadPage page;
    if (it != uploads_.end() && it->first.starts_with(prefix)) {
      page.uploads.push_back({it->first, it->second});
      if (++it != uploads_.end()) page.next = {it->first, it->second};
    }
    return page;
  }

  absl::Status AbandonUpload(const std::string&, const OpenUpload& upload,
                             std::stop_token) override {
    End(upload);
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string&, const std::string& key, std::stop_token) override {
    absl::MutexLock lock(&mutex_);
    objects_.erase(key);
    return absl::OkStatus();
  }

 private:
  struct Object {
    std::string bytes;
    uint64_t generation = 0;
  };

  class Parts : public Upload {
   public:
    Parts(MemoryService& service, OpenUpload upload)
        : service_(service), upload_(std::move(upload)) {}
    absl::Status AddPart(std::string_view bytes) override {
      bytes_ += bytes;
      return absl::OkStatus();
    }
    absl::Status Complete(std::string_view bytes) override {
      if (!service_.End(upload_)) return absl::AbortedError("no such upload");
      return service_.Put("", upload_.key, bytes_ += bytes, {});
    }
    void Abandon() override { service_.End(upload_); }

   private:
    MemoryService& service_;
    const OpenUpload upload_;
    std::string bytes_;
  };

  // False: it is not open.
  bool End(const OpenUpload& upload) {
    absl::MutexLock lock(&mutex_);
    return uploads_.erase({upload.key, upload.id}) > 0;
  }

  static ListedKey Describe(const std::pair<const std::string, Object>& object) {
    return {object.first, object.second.bytes.size(), std::to_string(object.second.generation)};
  }

  const Behaviour behaviour_;
  absl::Mutex mutex_;
  std::map<std::string, Object> objects_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<std::string, std::string>> uploads_ ABSL_GUARDED_BY(mutex_);  // keys and ids
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  int listings_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_STORES_TESTING_MEMORY_SERVICE_H_
