// Data files that a table has rewritten after their rows were imported (docs/adr/0047).
#ifndef MILLRACE_OBJECTS_REWRITTEN_FILES_H_
#define MILLRACE_OBJECTS_REWRITTEN_FILES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/warnings.h"
#include "iceberg/table.h"
#include "objects/imported_files.h"

namespace millrace {

// Whether files that `snapshot` added may contain rows of files that it removed.
bool RewritesFiles(const IcebergSnapshot& snapshot);

// A data file that an import reads.
struct PlannedFile {
  IcebergFile file;
  bool is_delivered = false;  // its rows were imported from the files that it replaces
};

// Decides for each file of a plan from where its rows are read. For single use; one thread.
class RewrittenFiles {
 public:
  // Plans files of older snapshots with the range of `options`. `warnings` may be null; all must
  // outlive it.
  RewrittenFiles(IcebergTable& table, const IcebergPlanOptions& options,
                 const ImportedFiles& imported, Warnings* warnings);

  // A file that a compaction (a snapshot with the operation "replace") has written contains rows
  // of the files that the compaction removed. If one of those was imported, the new file is
  // delivered if all were, and otherwise those that were not are read in its place. If they no
  // longer exist, the new file is read, with the warning "rewritten_rows"; the same for files that
  // an "overwrite" of imported files has written, since only some of their rows are new. A file
  // that was itself begun or imported stays as it is.
  absl::StatusOr<std::vector<PlannedFile>> Resolve(std::vector<IcebergFile> files);

 private:
  // What was imported of the files that a compaction removed.
  struct Replaced {
    bool is_begun = false;             // at least one, at least in part
    bool is_readable = true;           // those that are not imported can be read
    std::vector<IcebergFile> pending;  // are not imported
  };

  ImportedFiles::State StateOf(const IcebergFile& file) const;
  ImportedFiles::State StateAt(std::string_view path) const;
  const IcebergSnapshot* WriterOf(const IcebergFile& file, std::string_view operation) const;
  absl::StatusOr<const Replaced*> ReplacedBy(const IcebergSnapshot& snapshot, int depth);
  absl::Status Follow(const IcebergSnapshot& snapshot, int depth, Replaced& replaced);
  absl::Status WarnIfOverwritten(const IcebergFile& file);
  absl::Status Warn(const IcebergSnapshot& snapshot, const IcebergFile& file);

  IcebergTable& table_;
  const IcebergPlanOptions options_;
  const ImportedFiles& imported_;
  Warnings* const warnings_;
  const std::string folder_;
  std::map<int64_t, const IcebergSnapshot*> snapshots_;  // those that rewrite files
  std::map<int64_t, Replaced> replaced_;                 // by snapshot
  std::map<int64_t, bool> overwrote_imported_;           // by snapshot
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_REWRITTEN_FILES_H_
