// Users whose records are deleted and never exported again.
#ifndef MILLRACE_EXPORT_DELETED_IDS_H_
#define MILLRACE_EXPORT_DELETED_IDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"

namespace millrace {

// The distinct_ids of the file `path`: one a line, or the body of a request to Mixpanel's deletion
// API, {"distinct_ids": [...], ...}. InvalidArgument names what is wrong, and the line.
absl::StatusOr<std::vector<std::string>> ReadDeletionList(const std::string& path);

// Their hashes, because the ids themselves are personal. 16 bytes of each are in memory.
class DeletedIds {
 public:
  // Those that are kept in the file `path`; it need not exist. DataLoss: it is damaged.
  static absl::StatusOr<DeletedIds> Open(std::string path);

  // Keeps these too: durable when it returns.
  absl::Status Add(const std::vector<std::string>& ids);
  bool Contains(std::string_view id) const { return hashes_.contains(HashBytes(id)); }
  bool empty() const { return hashes_.empty(); }

 private:
  struct Hasher {
    size_t operator()(const Hash128& hash) const { return static_cast<size_t>(hash.low); }
  };
  std::string path_;
  absl::flat_hash_set<Hash128, Hasher> hashes_;
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_DELETED_IDS_H_
