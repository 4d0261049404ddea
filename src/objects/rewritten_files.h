// Data files that a table has rewritten after their rows were imported (docs/adr/0047).
#ifndef MILLRACE_OBJECTS_REWRITTEN_FILES_H_
#define MILLRACE_OBJECTS_REWRITTEN_FILES_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/warnings.h"
#include "iceberg/table.h"
#include "io/object_store.h"
#include "objects/imported_files.h"

namespace millrace {

// Whether files that `snapshot` added may contain rows of files that it removed.
bool RewritesFiles(const IcebergSnapshot& snapshot);

// A data file that an import reads.
struct PlannedFile {
  IcebergFile file;
  bool is_delivered = false;  // its rows were imported from the files that it replaces
};

struct PlannedFiles {
  std::vector<PlannedFile> files;
  // Replaced files that were imported under another config. The files that replace them are not in
  // `files`.
  std::vector<ObjectInfo> imported_otherwise;
};

// Decides for each file of a plan whether its rows are new. For single use; one thread.
class RewrittenFiles {
 public:
  // `options` are those of the plan. `warnings` may be null; all must outlive it.
  RewrittenFiles(IcebergTable& table, const IcebergPlanOptions& options,
                 const ImportedFiles& imported, Warnings* warnings);

  // A file that a compaction (a snapshot with the operation "replace") has written contains rows
  // of the files that the compaction removed, which may be those of earlier ones:
  // - if all of them are done, it is delivered;
  // - if none was begun, it is new;
  // - if one was imported under another config, that one is returned instead, so that it is
  //   reported as it would be without the compaction;
  // - otherwise, or if the metadata of the compaction is gone, it is read with the warning
  //   "rewritten_rows".
  // The same for a file that an "overwrite" has written, but it is never delivered: some of its
  // rows are new. A file that was itself begun or imported stays as it is.
  absl::StatusOr<PlannedFiles> Resolve(std::vector<IcebergFile> files);

 private:
  using State = ImportedFiles::State;
  // kDone: all rows of a file were imported. kBegun: only some of them, or it is not known.
  using Origin = State;
  struct Rewrite {
    const IcebergSnapshot* snapshot;
    IcebergChanges changes;
  };

  std::string PlaceOf(std::string_view path) const;
  State StateOf(std::string_view uri) const;
  absl::StatusOr<std::vector<Rewrite>> FindRewrites(std::set<int64_t> wanted);
  void Judge(const Rewrite& rewrite);
  void NoteOtherConfig(std::string_view uri);
  absl::Status Warn(const IcebergSnapshot& snapshot, const IcebergFile& file);

  IcebergTable& table_;
  const IcebergPlanOptions options_;
  const ImportedFiles& imported_;
  Warnings* const warnings_;
  const std::string folder_;
  std::vector<const IcebergSnapshot*> newest_first_;  // of those that rewrite files
  std::map<int64_t, Origin> origins_;                 // of the files of a snapshot
  absl::flat_hash_map<std::string, Origin> files_;    // the same, by path
  std::map<std::string, ObjectInfo> imported_otherwise_;
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_REWRITTEN_FILES_H_
