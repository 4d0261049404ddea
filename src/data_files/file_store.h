// The folder of data files of one type of record. Readers look for data files only, whose names
// never change; what is staged is not visible:
//
//   <folder>/dt=2026-11-29/<commit>-00000.parquet   data
//   <folder>/_millrace/staged/<process>/<commit>-00000.part, <commit>.json
//
// Files that are read where they were staged have no other name:
//
//   <folder>/staged/<process>/<commit>-00000.ndjson.gz, <commit>.json
#ifndef MILLRACE_DATA_FILES_FILE_STORE_H_
#define MILLRACE_DATA_FILES_FILE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "data_files/path_template.h"
#include "formats/parquet_writer.h"
#include "io/object_store.h"

namespace millrace::data_files {

// A file of a commit. Paths are relative to the folder.
struct DataFile {
  std::string staged;  // until it is committed
  std::string path;
  PathTemplate::Partition partition = 0;
  uint64_t rows = 0;
  ParquetFileSummary summary;
};

// What a process has staged for a commit: all that is needed to make it.
struct StagedFiles {
  std::vector<DataFile> files;
  std::string note;  // of the CommitLog, when they were sealed
};

// Thread-safe. Unavailable: try again.
class FileStore {
 public:
  // Makes a store whose calls end once the token is requested; null if it cannot.
  using Open = std::function<std::unique_ptr<ObjectStore>(std::stop_token stop)>;
  // `folder` ends with '/', and so does `hidden`, the folder in it of what is not visible; empty:
  // the folder itself. The first call of `open` succeeds.
  FileStore(std::string folder, Open open, std::string hidden = "_millrace/")
      : folder_(std::move(folder)), hidden_(std::move(hidden)), open_(std::move(open)) {
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

  // The whole of a small object. NotFound: there is none.
  absl::StatusOr<std::string> Read(std::string_view path);
  // Replaces one.
  absl::Status Write(std::string_view path, std::string_view text);

  // The list of what a process has staged for a commit: its name is all that an intent needs.
  std::string StagedFolder(std::string_view process) const;
  std::string ListPath(std::string_view process, std::string_view commit) const;
  absl::Status WriteList(const std::string& path, const StagedFiles& staged);
  // The list of a commit. NotFound: there is none. DataLoss: it is none, or not of that commit.
  absl::StatusOr<StagedFiles> ReadList(const std::string& path, const std::string& commit);

  // Removes all files of a commit, staged or not, by their names.
  absl::Status RemoveFilesOf(const std::string& commit);
  // Removes the folder and all that is in it.
  absl::Status RemoveAll();

 private:
  struct Store {
    std::stop_source stop;
    std::unique_ptr<ObjectStore> objects;
  };
  void AddStore();

  const std::string folder_;
  const std::string hidden_;
  const Open open_;
  absl::Mutex mutex_;
  // The last one is used; others may still be by calls that were stopped.
  std::vector<std::unique_ptr<Store>> stores_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_FILE_STORE_H_
