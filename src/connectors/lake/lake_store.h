// The objects of a lake for one type of record. Readers see only data files, whose names never
// change:
//
//   <folder>/dt=2026-11-29/<commit>-00000.parquet   data
//   <folder>/_millrace/commits/<commit>.json        the manifest of a commit
//   <folder>/_millrace/staged/<process>/<commit>-00000.part, <commit>.json
//
// Format of the manifest: docs/connectors/lake.md.
#ifndef MILLRACE_CONNECTORS_LAKE_LAKE_STORE_H_
#define MILLRACE_CONNECTORS_LAKE_LAKE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "io/object_store.h"
#include "pipeline/intents.h"
#include "stores/open_store.h"

namespace millrace::lake {

// A file of a commit. Paths are relative to the folder.
struct LakeFile {
  std::string staged;  // until it is committed
  std::string path;
  uint64_t rows = 0;
};

// Thread-safe. Unavailable: try again.
class LakeStore {
 public:
  // Makes a store whose calls end once the token is requested; null if it cannot.
  using Open = std::function<std::unique_ptr<ObjectStore>(std::stop_token stop)>;
  // `folder` ends with '/'. The first call of `open` succeeds.
  LakeStore(std::string folder, Open open) : folder_(std::move(folder)), open_(std::move(open)) {
    AddStore();
  }

  const std::string& folder() const { return folder_; }
  // "" in a bucket.
  std::string local_folder() const {
    return folder_.find("://") == std::string::npos ? folder_ : "";
  }
  ObjectStore& objects();
  std::string Uri(std::string_view path) const { return folder_ + std::string(path); }

  // Ends what this store does once `stop` is requested. After a later call with a token that is not
  // requested, it works again.
  using Stop = std::stop_callback<std::function<void()>>;
  Stop Watch(const std::stop_token& stop);

  // The list of what a process has staged for a commit: its name is all that an intent needs.
  static std::string StagedFolder(std::string_view process);
  static std::string ListPath(std::string_view process, std::string_view commit);
  absl::Status WriteList(const std::string& path, const std::vector<LakeFile>& files);
  // NotFound: there is none.
  absl::StatusOr<std::vector<LakeFile>> ReadList(const std::string& path);

  enum class Outcome { kNone, kCommitted, kAbandoned };
  absl::StatusOr<Outcome> OutcomeOf(const std::string& commit);
  // Records that the commit is made, or that it never will be, unless the other is recorded.
  // Returns what is recorded then.
  absl::StatusOr<Outcome> Commit(const Intent& intent, const std::vector<LakeFile>& files);
  absl::StatusOr<Outcome> Abandon(const Intent& intent);
  // Removes all data files and staged files of a commit, by their names.
  absl::Status RemoveFilesOf(const std::string& commit);

 private:
  absl::StatusOr<std::string> Read(const std::string& path);
  absl::StatusOr<Outcome> Record(const std::string& commit, std::string_view manifest);

  struct Store {
    std::stop_source stop;
    std::unique_ptr<ObjectStore> objects;
  };
  void AddStore();

  const std::string folder_;
  const Open open_;
  absl::Mutex mutex_;
  // The last one is used; others may still be by calls that were stopped.
  std::vector<std::unique_ptr<Store>> stores_ ABSL_GUARDED_BY(mutex_);
};

// Calls `work` with 0 to count - 1, in several threads, until one fails. The first failure.
absl::Status ForEachInParallel(size_t count, size_t threads,
                               const std::function<absl::Status(size_t)>& work);

}  // namespace millrace::lake

#endif  // MILLRACE_CONNECTORS_LAKE_LAKE_STORE_H_
