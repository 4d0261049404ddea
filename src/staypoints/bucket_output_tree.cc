// Output in a bucket, where objects cannot be renamed. Objects are written under their final names
// while the marker is absent: readers wait for it. Meanwhile "_UNFINISHED" replaces the marker, so
// that the remains of a killed run are recognized as this program's, and the next run replaces
// them. Objects with names that this command never writes are not removed.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/temp_folder.h"
#include "staypoints/output_marker.h"
#include "staypoints/output_tree.h"

namespace millrace {
namespace {

class BucketOutputTree : public OutputTree {
 public:
  BucketOutputTree(std::unique_ptr<ObjectStore> store, std::string output,
                   std::unique_ptr<TempFolder> scratch)
      : store_(std::move(store)), output_(std::move(output)), scratch_(std::move(scratch)) {}

  ~BucketOutputTree() override {
    if (published_ || !begun_) return;
    absl::Status status = RemoveAll(written());
    if (status.ok()) status = store_->Remove(UriOf(kUnfinishedName));
    if (!status.ok()) {
      Log(Severity::kWarning, "objects of a failed run remain; the next run replaces them",
          {{"output", output_}, {"error", status.ToString()}});
    }
  }

  absl::Status CheckReplaceable() {
    bool is_ours = false;
    for (const std::string_view name : {kMarkerName, kUnfinishedName}) {
      ASSIGN_OR_RETURN(const std::optional<MarkerContent> marker, ReadMarker(name));
      if (!marker) continue;
      is_ours = true;
      replaced_staypoints_ = std::max(replaced_staypoints_, marker->staypoints);
    }
    ASSIGN_OR_RETURN(const Listing others, ListOthers({}));
    if (!is_ours && (has_foreign_marker_ || !others.ours.empty() || !others.foreign.empty())) {
      return NoMarkerError(output_);
    }
    if (!others.foreign.empty()) return ForeignFileError(output_, others.foreign.front());
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(const std::string& path) override {
    const std::string uri = UriOf(path);
    {
      absl::MutexLock lock(&mutex_);
      RETURN_IF_ERROR(Begin());
      written_.insert(uri);
    }
    return store_->Create(uri);
  }

  absl::Status Publish(std::string_view marker) override {
    {
      absl::MutexLock lock(&mutex_);
      RETURN_IF_ERROR(Begin());
    }
    ASSIGN_OR_RETURN(const Listing others, ListOthers(written()));
    RETURN_IF_ERROR(RemoveAll(others.ours));
    for (const std::string& path : others.foreign) {
      Log(Severity::kWarning, "the output has an object from another program, which is kept",
          {{"object", UriOf(path)}});
    }
    RETURN_IF_ERROR(Put(kMarkerName, marker));
    published_ = true;
    return store_->Remove(UriOf(kUnfinishedName));
  }

  const std::string& scratch_folder() const override { return scratch_->path(); }
  uint64_t replaced_staypoints() const override { return replaced_staypoints_; }

 private:
  std::string UriOf(std::string_view path) const { return StrCat(output_, "/", path); }

  // Writes "_UNFINISHED" before the first object is replaced. Other objects may have appeared since
  // the tree was opened, because reading and sorting came between.
  absl::Status Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (begun_) return absl::OkStatus();
    RETURN_IF_ERROR(CheckReplaceable());
    RETURN_IF_ERROR(Put(kUnfinishedName, kUnfinishedMarker));
    begun_ = true;
    return store_->Remove(UriOf(kMarkerName));
  }

  absl::Status Put(std::string_view path, std::string_view content) {
    ASSIGN_OR_RETURN(const auto writer, store_->Create(UriOf(path)));
    RETURN_IF_ERROR(writer->Append(content));
    return writer->Finish();
  }

  absl::StatusOr<std::optional<MarkerContent>> ReadMarker(std::string_view name) {
    const absl::StatusOr<ObjectInfo> found = store_->Find(UriOf(name));
    if (absl::IsNotFound(found.status())) return std::nullopt;
    RETURN_IF_ERROR(found.status());
    std::string json(std::min<uint64_t>(found->size, kMaxMarkerBytes), '\0');
    ASSIGN_OR_RETURN(const auto reader, store_->Open(*found));
    ASSIGN_OR_RETURN(const size_t size, reader->ReadAt(0, absl::MakeSpan(json)));
    json.resize(size);
    std::optional<MarkerContent> content = ParseMarker(json);
    if (!content) has_foreign_marker_ = true;
    return content;
  }

  struct Listing {
    std::vector<std::string> ours;     // uris
    std::vector<std::string> foreign;  // names relative to the output
  };

  // The objects below the output that this run did not write, without markers and other hidden
  // ones.
  absl::StatusOr<Listing> ListOthers(const absl::flat_hash_set<std::string>& mine) {
    Listing others;
    const std::string prefix = StrCat(output_, "/");
    const absl::Status status = store_->List(prefix, [&](const ObjectInfo& object) {
      const std::string_view path = std::string_view(object.uri).substr(prefix.size());
      if (!IsOutputFile(path)) {
        others.foreign.emplace_back(path);
      } else if (!mine.contains(object.uri)) {
        others.ours.push_back(object.uri);
      }
      return absl::OkStatus();
    });
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    return others;
  }

  template <typename Uris>
  absl::Status RemoveAll(const Uris& uris) {
    for (const std::string& uri : uris) RETURN_IF_ERROR(store_->Remove(uri));
    return absl::OkStatus();
  }

  absl::flat_hash_set<std::string> written() const {
    absl::MutexLock lock(&mutex_);
    return written_;
  }

  const std::unique_ptr<ObjectStore> store_;
  const std::string output_;  // without '/' at its end
  const std::unique_ptr<TempFolder> scratch_;
  bool begun_ = false;
  bool published_ = false;
  bool has_foreign_marker_ = false;
  uint64_t replaced_staypoints_ = 0;
  mutable absl::Mutex mutex_;
  absl::flat_hash_set<std::string> written_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<OutputTree>> OpenBucketOutputTree(std::unique_ptr<ObjectStore> store,
                                                                 std::string output,
                                                                 const std::string& temp_folder) {
  while (output.ends_with('/')) output.pop_back();
  std::error_code error;
  const std::string parent =
      temp_folder.empty() ? std::filesystem::temp_directory_path(error).string() : temp_folder;
  if (error) return ErrnoStatus(error.value(), "finding a folder for temporary files");
  ASSIGN_OR_RETURN(auto scratch, TempFolder::Make(parent, ".millrace-staypoints"));
  auto tree =
      std::make_unique<BucketOutputTree>(std::move(store), std::move(output), std::move(scratch));
  RETURN_IF_ERROR(tree->CheckReplaceable());
  return tree;
}

}  // namespace millrace
