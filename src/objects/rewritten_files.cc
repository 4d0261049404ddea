#include "objects/rewritten_files.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "iceberg/table_files.h"
#include "objects/iceberg_name.h"

namespace millrace {
namespace {

using State = ImportedFiles::State;

// Compactions of files that compactions have written. Each import records what it found delivered,
// so longer chains are those of tables that were not imported meanwhile.
constexpr int kMaxDepth = 50;

constexpr std::string_view kReplace = "replace";
constexpr std::string_view kOverwrite = "overwrite";

// Where a file of the table was, by its path in the metadata.
std::string PlaceOf(const IcebergTable& table, const std::string& folder, std::string_view path) {
  std::string file = NormalLocation(path);
  const std::string location = NormalLocation(table.metadata().location);
  if (file.starts_with(location + "/")) file = folder + file.substr(location.size());
  return file;
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
    if (RewritesFiles(snapshot)) snapshots_[snapshot.id] = &snapshot;
  }
}

absl::StatusOr<std::vector<PlannedFile>> RewrittenFiles::Resolve(std::vector<IcebergFile> files) {
  std::vector<PlannedFile> planned;
  absl::flat_hash_set<std::string> taken;
  const auto take = [&](IcebergFile file, bool is_delivered) {
    if (taken.insert(file.path).second) planned.push_back({std::move(file), is_delivered});
  };
  for (IcebergFile& file : files) {
    const IcebergSnapshot* const compaction = WriterOf(file, kReplace);
    if (StateOf(file) != State::kUnknown || compaction == nullptr) {
      RETURN_IF_ERROR(WarnIfOverwritten(file));
      take(std::move(file), false);
      continue;
    }
    ASSIGN_OR_RETURN(const Replaced* replaced, ReplacedBy(*compaction, 0));
    if (replaced->is_begun && replaced->is_readable) {
      const bool is_delivered = replaced->pending.empty();
      if (is_delivered) take(std::move(file), true);
      for (const IcebergFile& pending : replaced->pending) take(pending, false);
      continue;
    }
    if (replaced->is_begun) RETURN_IF_ERROR(Warn(*compaction, file));
    take(std::move(file), false);
  }
  return planned;
}

ImportedFiles::State RewrittenFiles::StateOf(const IcebergFile& file) const {
  const std::string uri =
      file.object.store != nullptr ? file.object.info.uri : PlaceOf(table_, folder_, file.path);
  State state = imported_.Find(IcebergFileName(folder_, uri, TimeRange()));
  if (options_.range && !file.is_inside_range) {
    state = std::max(state, imported_.Find(IcebergFileName(folder_, uri, *options_.range)));
  }
  return state;
}

ImportedFiles::State RewrittenFiles::StateAt(std::string_view path) const {
  return imported_.Find(IcebergFileName(folder_, PlaceOf(table_, folder_, path), TimeRange()));
}

const IcebergSnapshot* RewrittenFiles::WriterOf(const IcebergFile& file,
                                                std::string_view operation) const {
  const auto snapshot = snapshots_.find(file.snapshot_id);
  if (snapshot == snapshots_.end()) return nullptr;
  return snapshot->second->operation == operation ? snapshot->second : nullptr;
}

absl::StatusOr<const RewrittenFiles::Replaced*> RewrittenFiles::ReplacedBy(
    const IcebergSnapshot& snapshot, int depth) {
  // Also ends cycles in damaged metadata: the unfinished entry is found.
  const auto [entry, is_new] = replaced_.try_emplace(snapshot.id);
  if (is_new) {
    Replaced replaced;
    RETURN_IF_ERROR(Follow(snapshot, depth, replaced));
    replaced_[snapshot.id] = std::move(replaced);
  }
  return &replaced_[snapshot.id];
}

absl::Status RewrittenFiles::Follow(const IcebergSnapshot& snapshot, int depth,
                                    Replaced& replaced) {
  const auto removed = table_.FilesRemovedBy(snapshot);
  if (absl::IsNotFound(removed.status())) {
    // Its metadata is gone: it may have replaced imported files.
    replaced = {.is_begun = true, .is_readable = false};
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(removed.status());
  const IcebergSnapshot* const before =
      snapshot.parent_id ? table_.FindSnapshot(*snapshot.parent_id) : nullptr;
  IcebergPlanOptions options = options_;
  options.snapshot = before;
  options.paths = &*removed;
  options.may_be_missing = true;
  absl::StatusOr<IcebergPlan> plan = absl::NotFoundError("the snapshot has expired");
  if (before != nullptr) plan = table_.PlanFiles(options);
  if (absl::IsNotFound(plan.status())) {
    // Without the metadata, all that counts is whether each of the files is done.
    for (const std::string& path : *removed) {
      const State state = StateAt(path);
      replaced.is_begun |= state != State::kUnknown;
      replaced.is_readable &= state == State::kDone;
    }
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(plan.status());
  for (IcebergFile& file : plan->files) {
    const State state = StateOf(file);
    replaced.is_begun |= state != State::kUnknown;
    if (state == State::kDone) continue;
    const IcebergSnapshot* const compaction = WriterOf(file, kReplace);
    if (state == State::kUnknown && compaction != nullptr && depth < kMaxDepth) {
      ASSIGN_OR_RETURN(const Replaced* earlier, ReplacedBy(*compaction, depth + 1));
      if (earlier->is_begun && earlier->is_readable) {
        replaced.is_begun = true;
        replaced.pending.insert(replaced.pending.end(), earlier->pending.begin(),
                                earlier->pending.end());
        continue;
      }
      if (earlier->is_begun) RETURN_IF_ERROR(Warn(*compaction, file));
    }
    replaced.is_readable &= file.object.store != nullptr;
    replaced.pending.push_back(std::move(file));
  }
  return absl::OkStatus();
}

absl::Status RewrittenFiles::WarnIfOverwritten(const IcebergFile& file) {
  const IcebergSnapshot* const overwrite = WriterOf(file, kOverwrite);
  if (overwrite == nullptr || StateOf(file) != State::kUnknown) return absl::OkStatus();
  const auto [known, is_new] = overwrote_imported_.try_emplace(overwrite->id, false);
  if (is_new) {
    const auto removed = table_.FilesRemovedBy(*overwrite);
    const bool is_gone = absl::IsNotFound(removed.status());
    if (!is_gone) RETURN_IF_ERROR(removed.status());
    known->second =
        is_gone || std::any_of(removed->begin(), removed->end(), [&](const std::string& path) {
          return StateAt(path) != State::kUnknown;
        });
  }
  return known->second ? Warn(*overwrite, file) : absl::OkStatus();
}

absl::Status RewrittenFiles::Warn(const IcebergSnapshot& snapshot, const IcebergFile& file) {
  if (warnings_ == nullptr) return absl::OkStatus();
  return warnings_->Add(
      {.code = "rewritten_rows",
       .object = IcebergFileName(folder_, PlaceOf(table_, folder_, file.path), TimeRange()),
       .message = StrCat("snapshot ", snapshot.id, " (", snapshot.operation,
                         ") wrote it from files that were imported before: their rows are sent "
                         "again, with the ids that they had; a destination that keeps repeated "
                         "rows has them twice")});
}

}  // namespace millrace
