#include "connectors/iceberg/table_commits.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/strings.h"
#include "iceberg/manifest.h"
#include "iceberg/manifest_writer.h"
#include "iceberg/table_files.h"

namespace millrace::iceberg {
namespace {

using data_files::CommitLog;
using data_files::DataFile;
using data_files::FileStore;
using data_files::StagedFiles;

constexpr char kCommits[] = "millrace.commits";
constexpr size_t kCarriedCommits = 10;
constexpr size_t kIdDigits = 16;  // of the 32 of an id, as each snapshot is kept in each version
constexpr size_t kMaxManifests = 1'000'000;
constexpr int kTries = 10;  // while others commit too

using Summary = std::map<std::string, std::string>;

std::vector<std::string> CommitsOf(const IcebergSnapshot& snapshot) {
  const auto found = snapshot.summary.find(kCommits);
  if (found == snapshot.summary.end()) return {};
  return absl::StrSplit(found->second, ',', absl::SkipEmpty());
}

std::string ShortId(const std::string& commit) { return commit.substr(0, kIdDigits); }

// What any snapshot that the table still has says of the commit.
CommitLog::Outcome OutcomeIn(const IcebergMetadata& metadata, const std::string& commit) {
  for (const IcebergSnapshot& snapshot : metadata.snapshots) {
    for (const std::string& id : CommitsOf(snapshot)) {
      if (id == ShortId(commit)) return CommitLog::Outcome::kCommitted;
      if (id == "-" + ShortId(commit)) return CommitLog::Outcome::kAbandoned;
    }
  }
  return CommitLog::Outcome::kNone;
}

// With `id`, for the next snapshot.
std::string CarriedCommits(const IcebergMetadata& metadata, const std::string& id) {
  std::vector<std::string> commits;
  int64_t newest = -1;
  for (const IcebergSnapshot& snapshot : metadata.snapshots) {
    std::vector<std::string> carried = CommitsOf(snapshot);
    if (carried.empty() || snapshot.sequence_number <= newest) continue;
    commits = std::move(carried);
    newest = snapshot.sequence_number;
  }
  commits.push_back(id);
  if (commits.size() > kCarriedCommits) {
    commits.erase(commits.begin(), commits.end() - kCarriedCommits);
  }
  return absl::StrJoin(commits, ",");
}

std::string LocationIn(const IcebergMetadata& metadata, std::string_view path) {
  return StrCat(metadata.location, metadata.location.ends_with('/') ? "" : "/", path);
}

const IcebergSnapshot* CurrentSnapshot(const IcebergMetadata& metadata) {
  for (const IcebergSnapshot& snapshot : metadata.snapshots) {
    if (metadata.current_snapshot_id == snapshot.id) return &snapshot;
  }
  return nullptr;
}

// Sets what was added, and the totals if those before are known.
void Count(const IcebergSnapshot* before, const std::vector<AddedFile>& added, Summary& summary) {
  int64_t rows = 0, bytes = 0;
  std::set<std::optional<int32_t>> partitions;
  for (const AddedFile& file : added) {
    rows += static_cast<int64_t>(file.rows);
    bytes += static_cast<int64_t>(file.bytes);
    partitions.insert(file.partition);
  }
  const auto files = static_cast<int64_t>(added.size());
  if (files > 0) {
    summary["added-data-files"] = StrCat(files);
    summary["added-records"] = StrCat(rows);
    summary["added-files-size"] = StrCat(bytes);
  }
  summary["changed-partition-count"] = StrCat(partitions.size());
  const std::pair<const char*, int64_t> totals[] = {
      {"total-data-files", files}, {"total-records", rows},       {"total-files-size", bytes},
      {"total-delete-files", 0},   {"total-position-deletes", 0}, {"total-equality-deletes", 0}};
  for (const auto& [name, more] : totals) {
    int64_t total = 0;
    if (before != nullptr) {
      const auto found = before->summary.find(name);
      if (found == before->summary.end() || !absl::SimpleAtoi(found->second, &total)) continue;
    }
    summary[name] = StrCat(total + more);
  }
}

// `target`: the one that the file was sealed for.
AddedFile AddedOf(const AppendTarget& target, const DataFile& file) {
  AddedFile added{.path = StrCat(target.location, file.path),
                  .partition = target.PartitionValueOf(file.partition),
                  .rows = file.rows,
                  .bytes = file.summary.bytes,
                  .columns = {}};
  for (size_t i = 0; i < file.summary.leaves.size() && i < target.layout.field_ids.size(); ++i) {
    const ParquetFileSummary::Leaf& leaf = file.summary.leaves[i];
    AddedFile::Column& column = added.columns.emplace_back();
    column.id = target.layout.field_ids[i];
    column.bytes = leaf.bytes;
    column.values = leaf.values;
    if (!leaf.statistics) continue;
    column.nulls = leaf.statistics->nulls;
    if (!leaf.statistics->bounds) continue;
    column.min = leaf.statistics->bounds->min;
    column.max = leaf.statistics->bounds->max;
  }
  return added;
}

// What a snapshot adds.
struct Addition {
  AppendTarget target;
  std::vector<AddedFile> files;
};

class TableCommits final : public CommitLog {
 public:
  TableCommits(Catalog& catalog, FileStore& store, const AppendTarget& target, Clock& clock)
      : catalog_(catalog), store_(store), target_(target), clock_(clock) {}

  std::string Note() const override { return target_.ToNote(); }

  absl::StatusOr<Outcome> OutcomeOf(const Intent& intent, const std::stop_token& stop) override {
    const absl::StatusOr<State> state = Look(intent, stop);
    if (absl::IsNotFound(state.status())) return Outcome::kNone;
    RETURN_IF_ERROR(state.status());
    return state->outcome;
  }

  // Other engines may have expired its snapshot and merged its manifest.
  absl::StatusOr<bool> HasFilesOf(const Intent& intent, const std::stop_token& stop) override {
    const absl::StatusOr<LoadedTable> table = catalog_.Load(stop);
    if (absl::IsNotFound(table.status())) return false;
    RETURN_IF_ERROR(table.status());
    ASSIGN_OR_RETURN(const std::vector<ManifestInfo> manifests, ManifestsOf(*table));
    bool has_files = false;
    for (const ManifestInfo& manifest : manifests) {
      if (manifest.holds_deletes || has_files) continue;
      const auto look = [&](const ManifestEntry& entry) {
        const std::string_view path = entry.path;
        has_files = has_files || path.substr(path.rfind('/') + 1).starts_with(intent.id);
        return absl::OkStatus();
      };
      const auto read = [&]() -> absl::Status {
        ASSIGN_OR_RETURN(const StoredObject object,
                         FindObject(Stores(), NormalLocation(manifest.path)));
        return ReadObject(
            object, [&](InputStream& stream) { return ReadManifest(stream, manifest, {}, look); });
      };
      RETURN_IF_ERROR(Annotate(read(), StrCat("reading the manifest ", manifest.path)));
    }
    return has_files;
  }

  absl::StatusOr<Outcome> Commit(const Intent& intent, const StagedFiles& staged,
                                 const std::stop_token& stop) override {
    Addition addition;
    ASSIGN_OR_RETURN(addition.target, AppendTarget::FromNote(staged.note));
    for (const DataFile& file : staged.files) {
      addition.files.push_back(AddedOf(addition.target, file));
    }
    const absl::StatusOr<Outcome> outcome = Append(intent, &addition, stop);
    if (!absl::IsNotFound(outcome.status()) || addition.target.uuid != target_.uuid) {
      return outcome;
    }
    return absl::FailedPreconditionError(
        StrCat("the table ", catalog_.table(), " was dropped or changed while it was written: ",
               outcome.status().message(), "; run the same command again"));
  }

  absl::StatusOr<Outcome> Abandon(const Intent& intent, const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(const bool is_made, HasFilesOf(intent, stop));
    if (is_made) return Outcome::kCommitted;
    absl::StatusOr<Outcome> outcome = Append(intent, nullptr, stop);
    // Without the table no commit can be made.
    if (absl::IsNotFound(outcome.status())) outcome = Outcome::kAbandoned;
    if (outcome.ok() && *outcome == Outcome::kAbandoned) {
      RETURN_IF_ERROR(store_.objects().Remove(store_.Uri(ManifestPath(intent))));
    }
    return outcome;
  }

 private:
  static std::string ManifestPath(const Intent& intent) {
    return StrCat("metadata/", intent.id, "-m0.avro");
  }
  StoreFor Stores() {
    return [this](std::string_view) { return &store_.objects(); };
  }

  // Each try writes the same manifest.
  absl::StatusOr<ManifestInfo> WriteManifestOf(const Intent& intent, const Addition& addition) {
    WrittenManifest written = WriteManifest(addition.target.manifest_schema(), addition.files);
    const std::string path = ManifestPath(intent);
    RETURN_IF_ERROR(store_.Write(path, written.bytes));
    written.info.path = addition.target.location + path;
    return std::move(written.info);
  }

  // The table, and what it says of a commit. Readers find a recorded one once it returns.
  struct State {
    LoadedTable table;
    std::vector<ManifestInfo> manifests;
    Outcome outcome = Outcome::kNone;
  };
  absl::StatusOr<State> Look(const Intent& intent, const std::stop_token& stop) {
    State state;
    ASSIGN_OR_RETURN(state.table, catalog_.Load(stop));
    ASSIGN_OR_RETURN(state.manifests, ManifestsOf(state.table));
    state.outcome = OutcomeIn(state.table.metadata, intent.id);
    const std::string own = ManifestPath(intent);
    const bool has_manifest =
        std::any_of(state.manifests.begin(), state.manifests.end(),
                    [&](const ManifestInfo& manifest) { return manifest.path.ends_with(own); });
    if (has_manifest) state.outcome = Outcome::kCommitted;
    if (state.outcome != Outcome::kNone) RETURN_IF_ERROR(catalog_.Publish(state.table, stop));
    return state;
  }

  // Appends a snapshot with the files; null: the one that says that the commit is abandoned.
  // NotFound: there is no table, or they do not fit into it.
  absl::StatusOr<Outcome> Append(const Intent& intent, const Addition* added,
                                 const std::stop_token& stop) {
    std::optional<ManifestInfo> manifest;
    std::string list;  // of the last try
    for (int tries = 0; tries < kTries; ++tries) {
      ASSIGN_OR_RETURN(State state, Look(intent, stop));
      if (state.outcome != Outcome::kNone) return state.outcome;
      if (!list.empty()) store_.objects().Remove(store_.Uri(list)).IgnoreError();
      if (added != nullptr) RETURN_IF_ERROR(added->target.CheckFits(state.table.metadata));
      if (added != nullptr && !manifest) {
        ASSIGN_OR_RETURN(manifest, WriteManifestOf(intent, *added));
      }
      NewSnapshot snapshot = SnapshotAfter(state.table.metadata);
      list = StrCat("metadata/snap-", snapshot.id, "-", intent.id, ".avro");
      snapshot.manifest_list = LocationIn(state.table.metadata, list);
      snapshot.summary[kCommits] = CarriedCommits(
          state.table.metadata, StrCat(added == nullptr ? "-" : "", ShortId(intent.id)));
      Count(CurrentSnapshot(state.table.metadata),
            added == nullptr ? std::vector<AddedFile>() : added->files, snapshot.summary);
      if (manifest) {
        manifest->sequence_number = manifest->min_sequence_number = snapshot.sequence_number;
        manifest->added_by = snapshot.id;
        state.manifests.push_back(*manifest);
      }
      ASSIGN_OR_RETURN(const std::string bytes, WriteManifestList(snapshot, state.manifests));
      RETURN_IF_ERROR(store_.Write(list, bytes));
      TableChange change{.new_columns = {}, .snapshot = std::move(snapshot)};
      const absl::Status changed = catalog_.Change(state.table, change, stop);
      if (changed.ok()) return added == nullptr ? Outcome::kAbandoned : Outcome::kCommitted;
      if (!absl::IsAborted(changed)) return changed;
    }
    return absl::UnavailableError(
        StrCat("other writers commit to ", catalog_.table(), " all the time"));
  }

  NewSnapshot SnapshotAfter(const IcebergMetadata& metadata) const {
    NewSnapshot snapshot;
    snapshot.id = NewSnapshotId(metadata);
    snapshot.parent = metadata.current_snapshot_id;
    snapshot.sequence_number = metadata.last_sequence_number + 1;
    // Not before the last one, even if the clock was set back: readers choose snapshots by time.
    snapshot.time = std::max(clock_.Now(), metadata.last_updated);
    snapshot.schema_id = metadata.current_schema_id;
    snapshot.summary["operation"] = "append";
    return snapshot;
  }

  absl::StatusOr<std::vector<ManifestInfo>> ManifestsOf(const LoadedTable& table) {
    std::vector<ManifestInfo> manifests;
    if (!table.metadata.current_snapshot_id) return manifests;
    const IcebergSnapshot* const snapshot = CurrentSnapshot(table.metadata);
    if (snapshot == nullptr) {
      return absl::FailedPreconditionError(
          StrCat("the table ", catalog_.table(), " is damaged: its metadata does not have its ",
                 "current snapshot ", *table.metadata.current_snapshot_id));
    }
    const auto read = [&]() -> absl::Status {
      ASSIGN_OR_RETURN(const StoredObject object,
                       FindObject(Stores(), NormalLocation(snapshot->manifest_list)));
      return ReadObject(object, [&](InputStream& stream) {
        return ReadManifestList(stream, [&](ManifestInfo manifest) {
          if (manifests.size() == kMaxManifests) {
            return absl::ResourceExhaustedError("it lists more than 1,000,000 manifests");
          }
          manifests.push_back(std::move(manifest));
          return absl::OkStatus();
        });
      });
    };
    const absl::Status status = read();
    if (absl::IsNotFound(status)) {
      return absl::FailedPreconditionError(StrCat("the table ", catalog_.table(),
                                                  " is damaged: its manifest list ",
                                                  snapshot->manifest_list, " does not exist"));
    }
    RETURN_IF_ERROR(
        Annotate(status, StrCat("reading the manifest list ", snapshot->manifest_list)));
    return manifests;
  }

  Catalog& catalog_;
  FileStore& store_;
  const AppendTarget& target_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<CommitLog> NewTableCommits(Catalog& catalog, FileStore& store,
                                           const AppendTarget& target, Clock& clock) {
  return std::make_unique<TableCommits>(catalog, store, target, clock);
}

}  // namespace millrace::iceberg
