// What the store of every cloud is made of: one vendor's calls, each tried again by the Requester
// until it is answered. Keys are bytes; '/' in them is just a character.
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

// A uri taken apart: uri = root + key.
struct CloudUri {
  std::string root;    // "gs://bucket/"
  std::string bucket;  // as the service wants it; a container's account is part of it
  std::string key;
};

// An object as it is listed. `version` names its bytes: a generation or an ETag without quotes.
struct ListedKey {
  std::string key;
  uint64_t size = 0;
  std::string version;
};

struct ListQuery {
  std::string prefix;
  // Keys before it may be left out; heeded if starts_anywhere().
  std::string start;
  std::string token;  // of the page before; empty: the first page
  int max = 1000;     // keys
};

struct ListPage {
  std::vector<ListedKey> keys;  // in byte order; a page may be empty and not the last
  std::string next_token;       // empty: the last page
};

// An object that arrives in parts and appears when it is completed. One thread at a time.
class Upload {
 public:
  virtual ~Upload() = default;
  virtual absl::Status AddPart(std::string_view bytes) = 0;
  // The last part, and the object is there.
  virtual absl::Status Complete(std::string_view bytes) = 0;
  // Frees what was sent; best effort, and nothing of it was ever to be seen.
  virtual void Abandon() = 0;
};

// Thread-safe. Messages of errors say what to do and do not name the object: the caller does.
class CloudService {
 public:
  virtual ~CloudService() = default;

  // InvalidArgument if the uri names no bucket.
  virtual absl::StatusOr<CloudUri> Parse(std::string_view uri) const = 0;

  // NotFound: no such bucket.
  virtual absl::StatusOr<ListPage> List(const std::string& bucket, const ListQuery& query,
                                        std::stop_token stop) = 0;
  virtual bool starts_anywhere() const { return true; }

  // The object of that key, by a request for its metadata. NotFound: there is none, or it is only
  // the marker of a folder. Other refusals may lack the reason, and may hide that there is none.
  virtual absl::StatusOr<ListedKey> Stat(const std::string& bucket, const std::string& key,
                                         std::stop_token stop) = 0;

  // NotFound or FailedPrecondition if that version is gone.
  virtual absl::Status Check(const std::string& bucket, const ListedKey& object,
                             std::stop_token stop) = 0;

  // Fills `to` with the bytes of that version at `offset`, all of which lie in the object. Errors
  // as of Check.
  virtual absl::Status Read(const std::string& bucket, const ListedKey& object, uint64_t offset,
                            absl::Span<char> to, std::stop_token stop) = 0;

  // A whole object at once. As with Upload, it replaces one of that name.
  virtual absl::Status Put(const std::string& bucket, const std::string& key,
                           std::string_view bytes, std::stop_token stop) = 0;

  // Every part but the last has kPartUnit bytes or a multiple of it.
  static constexpr size_t kPartUnit = 8 << 20;
  virtual absl::StatusOr<std::unique_ptr<Upload>> StartUpload(const std::string& bucket,
                                                              const std::string& key,
                                                              std::stop_token stop) = 0;

  // Ok if there is none.
  virtual absl::Status Remove(const std::string& bucket, const std::string& key,
                              std::stop_token stop) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_STORES_CLOUD_SERVICE_H_
