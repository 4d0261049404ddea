// Output in a bucket, where nothing is renamed. Objects are written under their final names while
// the marker is gone: who reads waits for it. "_UNFINISHED" stands for the marker meanwhile, so
// that what a killed run left is known to be this program's, and replaced by the next one.
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/temp_folder.h"
#include "staypoints/output_tree.h"

namespace millrace {
namespace {

constexpr std::string_view kUnfinishedName = "_UNFINISHED";

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
      Log(Severity::kWarning, "objects of a run that failed are left; the next run replaces them",
          {{"output", output_}, {"error", status.ToString()}});
    }
  }

  absl::Status CheckReplaceable() {
    for (const std::string_view marker : {kMarkerName, kUnfinishedName}) {
      ASSIGN_OR_RETURN(const bool is_there, Exists(marker));
      if (is_there) return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::vector<std::string> others, Others());
    if (others.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        StrCat(output_, " holds objects that are not an earlier output of this command (it has no ",
               kMarkerName, "); empty it or choose another prefix"));
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
    ASSIGN_OR_RETURN(const std::vector<std::string> old, Others());
    RETURN_IF_ERROR(RemoveAll(old));
    RETURN_IF_ERROR(Put(kMarkerName, marker));
    published_ = true;
    return store_->Remove(UriOf(kUnfinishedName));
  }

  const std::string& scratch_folder() const override { return scratch_->path(); }

 private:
  std::string UriOf(std::string_view path) const { return StrCat(output_, "/", path); }

  // Says that the output is being replaced, before the first object is.
  absl::Status Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (begun_) return absl::OkStatus();
    RETURN_IF_ERROR(Put(kUnfinishedName, "{}\n"));
    begun_ = true;
    return store_->Remove(UriOf(kMarkerName));
  }

  absl::Status Put(std::string_view path, std::string_view content) {
    ASSIGN_OR_RETURN(const auto writer, store_->Create(UriOf(path)));
    RETURN_IF_ERROR(writer->Append(content));
    return writer->Finish();
  }

  absl::StatusOr<bool> Exists(std::string_view path) {
    bool found = false;
    const std::string uri = UriOf(path);
    const absl::Status status = store_->List(uri, [&](const ObjectInfo& object) {
      found = found || object.uri == uri;
      return absl::OkStatus();
    });
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    return found;
  }

  // The objects below the output that this run did not write; markers are not among them.
  absl::StatusOr<std::vector<std::string>> Others() {
    const absl::flat_hash_set<std::string> mine = written();
    std::vector<std::string> others;
    const absl::Status status = store_->List(StrCat(output_, "/"), [&](const ObjectInfo& object) {
      if (!mine.contains(object.uri)) others.push_back(object.uri);
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
