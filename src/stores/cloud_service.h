// The calls of one cloud vendor, on which its store is built. The Requester retries each call. Keys
// are bytes; '/' in them is an ordinary character.
#ifndef MILLRACE_STORES_CLOUD_SERVICE_H_
#define MILLRACE_STORES_CLOUD_SERVICE_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace millrace {

// A uri in parts: uri = root + key.
struct CloudUri {
  std::string root;    // "gs://bucket/"
  std::string bucket;  // as the service expects it; includes a container's account
  std::string key;
};

// An object in a listing. `version` identifies its bytes: a generation or an ETag without quotes.
struct ListedKey {
  std::string key;
  uint64_t size = 0;
  std::string version;
};

struct ListQuery {
  std::string prefix;
  // Keys before it may be omitted; used if starts_anywhere().
  std::string start;
  std::string token;  // of the previous page; empty: the first page
  int max = 1000;     // keys
};

struct ListPage {
  std::vector<ListedKey> keys;  // in byte order; a page may be empty although more follow
  std::string next_token;       // empty: the last page
};

// An upload that was started and neither completed nor abandoned.
struct OpenUpload {
  std::string key;
  std::string id;
  friend bool operator==(const OpenUpload&, const OpenUpload&) = default;
};

struct UploadPage {
  std::vector<OpenUpload> uploads;
  OpenUpload next;  // where the next page begins; no key: the last page
};

// An object that is uploaded in parts and appears when it is completed. One thread at a time.
class Upload {
 public:
  virtual ~Upload() = default;
  virtual absl::Status AddPart(std::string_view bytes) = 0;
  // Sends the last part; the object then exists.
  virtual absl::Status Complete(std::string_view bytes) = 0;
  // Deletes the parts sent, as a best effort. They were never visible.
  virtual void Abandon() = 0;
};

// Thread-safe. Error messages say what to do but do not name the object: the caller adds it.
class CloudService {
 public:
  virtual ~CloudService() = default;

  // InvalidArgument if the uri names no bucket.
  virtual absl::StatusOr<CloudUri> Parse(std::string_view uri) const = 0;

  // NotFound: no such bucket.
  virtual absl::StatusOr<ListPage> List(const std::string& bucket, const ListQuery& query,
                                        std::stop_token stop) = 0;
  virtual bool starts_anywhere() const { return true; }

  // The object of that key, by a request for its metadata. NotFound: there is none, or it is only a
  // folder marker. Other errors may lack the reason, and may hide that there is none.
  virtual absl::StatusOr<ListedKey> Stat(const std::string& bucket, const std::string& key,
                                         std::stop_token stop) = 0;

  // NotFound or FailedPrecondition if that version is gone.
  virtual absl::Status Check(const std::string& bucket, const ListedKey& object,
                             std::stop_token stop) = 0;

  // Fills `to` with the bytes of that version at `offset`, all within the object. Errors as in
  // Check.
  virtual absl::Status Read(const std::string& bucket, const ListedKey& object, uint64_t offset,
                            absl::Span<char> to, std::stop_token stop) = 0;

  // Writes a whole object at once. Like Upload, it replaces an object of that name.
  virtual absl::Status Put(const std::string& bucket, const std::string& key,
                           std::string_view bytes, std::stop_token stop) = 0;

  // Writes a whole object if there is none of that name, at once. AlreadyExists: there is one; it
  // may be from a try of this call whose response was lost.
  virtual absl::Status PutIfAbsent(const std::string& bucket, const std::string& key,
                                   std::string_view bytes, std::stop_token stop) = 0;

  // Copies that version of `from` within the bucket to the key `to`, which is another one. Like
  // Put, it replaces an object of that name. Errors as in Check.
  virtual absl::Status Copy(const std::string& bucket, const ListedKey& from, const std::string& to,
                            std::stop_token stop) = 0;

  // Every part except the last is a multiple of kPartUnit bytes.
  static constexpr size_t kPartUnit = 8 << 20;
  virtual absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const std::string& bucket,
                                                              const std::string& key,
                                                              std::stop_token stop) = 0;

  // Open uploads, of this process and others, to keys that begin with `prefix`; `from` is the
  // previous page's `next`. Always empty if the service removes the parts of old ones itself.
  virtual absl::StatusOr<UploadPage> ListUploads(const std::string& bucket,
                                                 const std::string& prefix, const OpenUpload& from,
                                                 std::stop_token stop) {
    (void)bucket, (void)prefix, (void)from, (void)stop;
    return UploadPage();
  }
  // Deletes the parts of an upload that ListUploads() returned. Ok if it is not open any more.
  virtual absl::Status AbandonUpload(const std::string& bucket, const OpenUpload& upload,
                                     std::stop_token stop) {
    (void)bucket, (void)upload, (void)stop;
    return absl::OkStatus();
  }

  // Ok if there is none.
  virtual absl::Status Remove(const std::string& bucket, const std::string& key,
                              std::stop_token stop) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_STORES_CLOUD_SERVICE_H_
