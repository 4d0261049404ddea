#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/file_descriptor.h"
#include "io/local_path.h"
#include "io/temp_folder.h"
#include "staypoints/folder_access.h"
#include "staypoints/in_place_exchange.h"
#include "staypoints/output_folder.h"
#include "staypoints/output_marker.h"
#include "staypoints/output_tree.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

// Not synced: the file is not used until the whole tree is in place.
class TreeFile : public ObjectWriter {
 public:
  TreeFile(std::string path, FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}

  absl::Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
      if (n >= 0) {
        bytes.remove_prefix(static_cast<size_t>(n));
      } else if (errno != EINTR) {
        const absl::Status status = ErrnoStatus(errno, StrCat("writing ", path_));
        return errno == EFBIG ? absl::ResourceExhaustedError(status.message()) : status;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    file_ = FileDescriptor();
    return absl::OkStatus();
  }

 private:
  const std::string path_;
  FileDescriptor file_;
};

// The temporary folder of a run, which is removed at the end with its content. "tree" in it is the
// new output, and later the earlier one.
struct Staging {
  std::unique_ptr<TempFolder> folder;
  std::string tree;
  FileDescriptor root;  // of the tree
  mode_t plain_mode = 0;

  static absl::StatusOr<Staging> Make(const std::string& parent, const std::string& name) {
    Staging staging;
    ASSIGN_OR_RETURN(staging.folder, TempFolder::Make(parent, name));
    staging.tree = StrCat(staging.folder->path(), "/tree");
    if (::mkdir(staging.tree.c_str(), 0777) != 0) {
      return ErrnoStatus(errno, StrCat("making ", staging.tree));
    }
    staging.root = FileDescriptor(
        ::open(staging.tree.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!staging.root.valid()) return ErrnoStatus(errno, StrCat("opening ", staging.tree));
    struct stat stat;
    if (::fstat(staging.root.get(), &stat) != 0) {
      return ErrnoStatus(errno, StrCat("looking at ", staging.tree));
    }
    staging.plain_mode = stat.st_mode & 0777;
    return staging;
  }
};

class LocalOutputTree : public OutputTree {
 public:
  LocalOutputTree(std::string output, OutputFolder before, Staging staging, bool in_place,
                  const std::string& scratch)
      : output_(std::move(output)),
        before_(std::move(before)),
        staging_(std::move(staging)),
        in_place_(in_place),
        access_(before_.exists ? EntryAccess(before_.access, staging_.plain_mode) : EntryAccess()),
        scratch_(scratch.empty() ? staging_.folder->path() : scratch) {}

  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(const std::string& path) override {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    if (const size_t slash = path.rfind('/'); slash != std::string::npos) {
      RETURN_IF_ERROR(MakeFolder(path.substr(0, slash)));
    }
    FileDescriptor file(::openat(staging_.root.get(), path.c_str(), kFlags, access_.file_mode()));
    if (!file.valid()) return ErrnoStatus(errno, StrCat("making ", path, " of ", output_));
    RETURN_IF_ERROR(access_.CompleteFile(file.get(), path));
    return std::make_unique<TreeFile>(StrCat(output_, "/", path), std::move(file));
  }

  absl::Status Publish(std::string_view marker) override {
    ASSIGN_OR_RETURN(const auto file, Create(std::string(kMarkerName)));
    RETURN_IF_ERROR(file->Append(marker));
    RETURN_IF_ERROR(file->Finish());
    return Annotate(in_place_ ? FillInPlace() : PutInPlace(),
                    StrCat("putting the finished output at ", output_));
  }

  const std::string& scratch_folder() const override { return scratch_; }
  uint64_t replaced_staypoints() const override { return before_.staypoints; }

 private:
  // The parent folders usually exist: checking them first would cost more than the rest.
  absl::Status MakeFolder(const std::string& folder) {
    if (::mkdirat(staging_.root.get(), folder.c_str(), access_.folder_mode()) == 0) {
      return access_.CompleteFolder(staging_.root.get(), folder);
    }
    const int error = errno;
    if (error == EEXIST) return absl::OkStatus();
    const size_t slash = folder.rfind('/');
    if (error != ENOENT || slash == std::string::npos) {
      return ErrnoStatus(error, StrCat("making the folder ", folder, " of ", output_));
    }
    RETURN_IF_ERROR(MakeFolder(folder.substr(0, slash)));
    return MakeFolder(folder);
  }

  int Rename(unsigned flags) const {
    return ::renameat2(AT_FDCWD, staging_.tree.c_str(), AT_FDCWD, output_.c_str(), flags) == 0
               ? 0
               : errno;
  }

  absl::Status PutInPlace() {
    int error = Rename(RENAME_NOREPLACE);
    if (error == EEXIST) return ExchangeWhole();
    // Some file systems lack such renames. A plain one replaces nothing but an empty folder.
    if (error == EINVAL) error = Rename(0);
    if (error == ENOTEMPTY || error == EEXIST) return FillInPlace();
    return error == 0 ? absl::OkStatus() : ErrnoStatus(error, StrCat("moving ", staging_.tree));
  }

  absl::Status ExchangeWhole() {
    ASSIGN_OR_RETURN(const OutputFolder now, InspectOutputFolder(output_));
    ASSIGN_OR_RETURN(const FolderAccess mine, ReadFolderAccess(staging_.root.get(), output_));
    // The existing folder appeared meanwhile, or cannot be exchanged: a layer of an overlay, a
    // folder of another user in a sticky one, an old file system.
    if (now.access != mine || Rename(RENAME_EXCHANGE) != 0) return FillInPlace();
    // The displaced folder may have been changed at the last moment.
    const absl::Status displaced = InspectOutputFolder(staging_.tree).status();
    if (displaced.ok() || Rename(RENAME_EXCHANGE) != 0) return absl::OkStatus();
    return absl::FailedPreconditionError(
        StrCat("it was changed by another program; ", displaced.message()));
  }

  absl::Status FillInPlace() {
    ASSIGN_OR_RETURN(const std::string old, staging_.folder->MakeFolder("old"));
    return ExchangeInPlace(output_, staging_.tree, old);
  }

  const std::string output_;
  const OutputFolder before_;
  const Staging staging_;
  const bool in_place_;
  const EntryAccess access_;
  const std::string scratch_;
};

// A staging folder next to `output`, for an exchange. Nullopt if an existing output cannot be
// exchanged without loss: its parent is not writable, or its owner or group cannot be set.
absl::StatusOr<std::optional<Staging>> StageBeside(const std::string& output,
                                                   const OutputFolder& before) {
  const size_t slash = output.rfind('/');
  const std::string parent = slash == 0 ? "/" : output.substr(0, slash);
  absl::StatusOr<Staging> staging =
      Staging::Make(parent, StrCat(".", output.substr(slash + 1), ".millrace"));
  if (!staging.ok()) {
    if (before.exists && absl::IsPermissionDenied(staging.status())) return std::nullopt;
    return staging.status();
  }
  if (before.exists && !SetFolderAccess(staging->root.get(), before.access)) return std::nullopt;
  return *std::move(staging);
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputTree>> OpenLocalOutputTree(const std::string& output,
                                                                const std::string& temp_folder) {
  ASSIGN_OR_RETURN(const std::string named, LocalPathOf(output));
  ASSIGN_OR_RETURN(std::string path, ResolvePath(named));
  ASSIGN_OR_RETURN(OutputFolder before, InspectOutputFolder(path));
  bool in_place = false;
  if (before.exists) {
    ASSIGN_OR_RETURN(in_place, MustStayInPlace(path));
  } else {
    const fs::path parent = fs::path(path).parent_path();
    std::error_code error;
    if (fs::create_directories(parent, error); error) {
      return ErrnoStatus(error.value(), StrCat("making the folder ", parent.string()));
    }
  }
  std::optional<Staging> staging;
  if (!in_place) {
    ASSIGN_OR_RETURN(staging, StageBeside(path, before));
  }
  if (!staging) {
    in_place = true;
    ASSIGN_OR_RETURN(staging, Staging::Make(path, kStagingInside));
  }
  return std::make_unique<LocalOutputTree>(std::move(path), std::move(before), *std::move(staging),
                                           in_place, temp_folder);
}

}  // namespace millrace
