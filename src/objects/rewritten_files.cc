#include "objects/rewritten_files.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/status.h"
#include "base/strings.h"
#include "iceberg/table_files.h"
#include "objects/iceberg_name.h"

namespace millrace {
namespace {

constexpr std::string_view kReplace = "replace";
constexpr std::string_view kOverwrite = "overwrite";

bool IsNewer(const IcebergSnapshot* a, const IcebergSnapshot* b) {
  return std::tie(a->sequence_number, a->time) > std::tie(b->sequence_number, b->time);
}

}  // namespace

bool RewritesFiles(const IcebergSnapshot& snapshot) {
  return snapshot.operation == kReplace || snapshot.operation == kOverwrite;
}

RewrittenFiles::RewrittenFiles(IcebergTable& table, const IcebergPlanOptions& options,
                               const ImportedFiles& imported, Warnings* warnings)
    : table_(table),
      options_(options),
      imported_(imported),
      warnings_(warnings),
      folder_(table.folder()) {
  for (const IcebergSnapshot& snapshot : table.metadata().snapshots) {
    if (RewritesFiles(snapshot)) newest_first_.push_back(&snapshot);
  }
  std::reverse(newest_first_.begin(), newest_first_.end());
  std::stable_sort(newest_first_.begin(), newest_first_.end(), IsNewer);
}

absl::StatusOr<PlannedFiles> RewrittenFiles::Resolve(std::vector<IcebergFile> files) {
  std::map<int64_t, const IcebergSnapshot*> rewriting;
  for (const IcebergSnapshot* snapshot : newest_first_) rewriting[snapshot->id] = snapshot;
  const auto is_rewritten = [&](const IcebergFile& file) {
    return rewriting.contains(file.snapshot_id) && StateOf(file.object.info.uri) == State::kUnknown;
  };
  std::set<int64_t> wanted;
  for (const IcebergFile& file : files) {
    if (is_rewritten(file)) wanted.insert(file.snapshot_id);
  }
  ASSIGN_OR_RETURN(const std::vector<Rewrite> rewrites, FindRewrites(std::move(wanted)));
  for (const Rewrite& rewrite : rewrites) Judge(rewrite);

  PlannedFiles planned;
  for (IcebergFile& file : files) {
    const Origin origin = is_rewritten(file) ? origins_.at(file.snapshot_id) : Origin::kUnknown;
    if (origin == Origin::kOtherConfig) continue;
    if (origin == Origin::kBegun) RETURN_IF_ERROR(Warn(*rewriting[file.snapshot_id], file));
    planned.files.push_back({std::move(file), origin == Origin::kDone});
  }
  for (auto& [name, object] : imported_otherwise_) {
    planned.imported_otherwise.push_back(std::move(object));
  }
  return planned;
}

// The uri of a file that may no longer exist.
std::string RewrittenFiles::PlaceOf(std::string_view path) const {
  std::string file = NormalLocation(path);
  const std::string location = NormalLocation(table_.metadata().location);
  if (file.starts_with(location + "/")) file = folder_ + file.substr(location.size());
  return file;
}

ImportedFiles::State RewrittenFiles::StateOf(std::string_view uri) const {
  const State state = imported_.Find(IcebergFileName(folder_, uri, TimeRange()));
  if (!options_.range) return state;
  return std::max(state, imported_.Find(IcebergFileName(folder_, uri, *options_.range)));
}

// Returns the snapshots `wanted`, and those that wrote the files that they replaced and that are
// not in the ledger, and so on; oldest first. Reads the metadata of each snapshot at most once,
// however long the chains are.
absl::StatusOr<std::vector<RewrittenFiles::Rewrite>> RewrittenFiles::FindRewrites(
    std::set<int64_t> wanted) {
  std::vector<Rewrite> rewrites;
  absl::flat_hash_set<std::string> unknown;  // replaced files that an older snapshot has written
  for (const IcebergSnapshot* const snapshot : newest_first_) {
    bool is_needed = wanted.erase(snapshot->id) > 0;
    if (!is_needed && unknown.empty()) continue;
    absl::StatusOr<IcebergChanges> changes = table_.ChangesOf(*snapshot, options_);
    if (absl::IsNotFound(changes.status())) {
      // Its metadata is gone: it may have written any of the files, from imported ones.
      origins_[snapshot->id] = Origin::kBegun;
      for (const std::string& path : unknown) files_[path] = Origin::kBegun;
      continue;
    }
    RETURN_IF_ERROR(changes.status());
    for (const std::string& path : changes->added) is_needed |= unknown.erase(path) > 0;
    if (!is_needed) continue;
    for (const std::string& path : changes->removed) {
      if (StateOf(PlaceOf(path)) == State::kUnknown) unknown.insert(path);
    }
    rewrites.push_back({snapshot, *std::move(changes)});
  }
  std::reverse(rewrites.begin(), rewrites.end());
  return rewrites;
}

// Those that wrote the replaced files were judged before.
void RewrittenFiles::Judge(const Rewrite& rewrite) {
  std::set<Origin> replaced;
  for (const std::string& path : rewrite.changes.removed) {
    const std::string uri = PlaceOf(path);
    Origin origin = StateOf(uri);
    if (origin == Origin::kOtherConfig) NoteOtherConfig(uri);
    if (origin == Origin::kUnknown) {
      if (const auto found = files_.find(path); found != files_.end()) origin = found->second;
    }
    replaced.insert(origin);
  }
  Origin origin = Origin::kBegun;
  if (replaced.contains(Origin::kOtherConfig)) {
    origin = Origin::kOtherConfig;
  } else if (replaced.empty()) {
    origin = Origin::kUnknown;
  } else if (replaced.size() == 1) {
    origin = *replaced.begin();
  }
  if (origin == Origin::kDone && rewrite.snapshot->operation == kOverwrite) origin = Origin::kBegun;
  origins_[rewrite.snapshot->id] = origin;
  for (const std::string& path : rewrite.changes.added) files_[path] = origin;
}

void RewrittenFiles::NoteOtherConfig(std::string_view uri) {
  for (const TimeRange& range : {TimeRange(), options_.range.value_or(TimeRange())}) {
    const ObjectInfo* object = imported_.FindOther(IcebergFileName(folder_, uri, range));
    if (object != nullptr) imported_otherwise_[object->uri] = *object;
  }
}

absl::Status RewrittenFiles::Warn(const IcebergSnapshot& snapshot, const IcebergFile& file) {
  if (warnings_ == nullptr) return absl::OkStatus();
  return warnings_->Add(
      {.code = "rewritten_rows",
       .object = IcebergFileName(folder_, file.object.info.uri, TimeRange()),
       .message = StrCat("snapshot ", snapshot.id, " (", snapshot.operation,
                         ") wrote it from files that were imported before, at least in part: all "
                         "its rows are sent, those that were imported with the ids that they had; "
                         "a destination that keeps repeated rows has them twice")});
}

}  // namespace millrace
