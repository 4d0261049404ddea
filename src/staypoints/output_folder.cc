#include "staypoints/output_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "io/file_descriptor.h"
#include "io/local_path.h"
#include "staypoints/output_marker.h"

namespace millrace {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

// Checks all names below a folder.
class Scan {
 public:
  Scan(const std::string& output, int root) : output_(output), root_(root) {}

  // `folder`: relative to the output, "" or with '/' at its end.
  absl::Status Folder(const std::string& folder) {
    const std::string path = folder.empty() ? "." : folder;
    const int fd = ::openat(root_, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const Directory dir(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
    if (dir == nullptr) return ErrnoStatus(errno, StrCat("listing ", output_, "/", folder));
    for (errno = 0; const dirent* const entry = ::readdir(dir.get()); errno = 0) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      RETURN_IF_ERROR(Entry(StrCat(folder, name), entry->d_type));
    }
    return errno == 0 ? absl::OkStatus()
                      : ErrnoStatus(errno, StrCat("listing ", output_, "/", folder));
  }

  bool is_empty() const { return is_empty_; }
  // The first one that was found; empty: none.
  const std::string& foreign() const { return foreign_; }

 private:
  absl::Status Entry(std::string path, unsigned char type) {
    if (path.starts_with(StrCat(kStagingInside, "."))) return absl::OkStatus();
    is_empty_ = false;
    if (!foreign_.empty()) return absl::OkStatus();
    struct stat stat;
    if (type == DT_UNKNOWN && ::fstatat(root_, path.c_str(), &stat, AT_SYMLINK_NOFOLLOW) == 0) {
      type = S_ISDIR(stat.st_mode) ? DT_DIR : S_ISREG(stat.st_mode) ? DT_REG : DT_UNKNOWN;
    }
    if (type == DT_DIR && IsOutputFolder(path)) return Folder(path + "/");
    if (type != DT_REG || !IsOutputFile(path)) foreign_ = std::move(path);
    return absl::OkStatus();
  }

  const std::string& output_;
  const int root_;
  bool is_empty_ = true;
  std::string foreign_;
};

absl::StatusOr<std::optional<MarkerContent>> MarkerOf(const std::string& output) {
  for (const std::string_view name : {kMarkerName, kUnfinishedName}) {
    const std::string path = StrCat(output, "/", name);
    struct stat stat;
    if (::lstat(path.c_str(), &stat) != 0 || !S_ISREG(stat.st_mode)) continue;
    const absl::StatusOr<std::string> json = ReadWholeFile(path, kMaxMarkerBytes);
    if (absl::IsNotFound(json.status()) || absl::IsResourceExhausted(json.status())) continue;
    if (!json.ok()) return json.status();
    if (const auto content = ParseMarker(*json)) return content;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<OutputFolder> InspectOutputFolder(const std::string& path) {
  struct stat stat;
  if (::lstat(path.c_str(), &stat) != 0) {
    if (errno == ENOENT) return OutputFolder();
    return ErrnoStatus(errno, StrCat("looking at ", path));
  }
  if (!S_ISDIR(stat.st_mode)) {
    return absl::InvalidArgumentError(StrCat(path, " is not a folder; --output names a folder"));
  }
  const FileDescriptor folder(
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) return ErrnoStatus(errno, StrCat("opening ", path));
  Scan scan(path, folder.get());
  RETURN_IF_ERROR(scan.Folder(""));
  OutputFolder found{.exists = true};
  ASSIGN_OR_RETURN(found.access, ReadFolderAccess(folder.get(), path));
  if (!scan.is_empty()) {
    ASSIGN_OR_RETURN(const std::optional<MarkerContent> marker, MarkerOf(path));
    if (!marker) return NoMarkerError(path);
    if (!scan.foreign().empty()) return ForeignFileError(path, scan.foreign());
    found.staypoints = marker->staypoints;
  }
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return ErrnoStatus(errno, StrCat("writing into ", path));
  }
  return found;
}

absl::StatusOr<bool> MustStayInPlace(const std::string& path) {
  std::string current;
  if (const absl::StatusOr<std::string> resolved = ResolvePath("."); resolved.ok()) {
    current = *resolved;
  }
  if (current == path) return true;
  if (!current.empty() && IsWithin(current, path)) {
    return absl::FailedPreconditionError(
        StrCat("the current folder is inside ", path,
               ", which is about to be replaced; run the command from another folder"));
  }
  struct statx about;
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &about) != 0) {
    return ErrnoStatus(errno, StrCat("looking at ", path));
  }
  if ((about.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) {
    return (about.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  }
  struct statx above;
  const std::string parent = path.substr(0, path.rfind('/') + 1);
  if (::statx(AT_FDCWD, parent.c_str(), 0, STATX_BASIC_STATS, &above) != 0) {
    return ErrnoStatus(errno, StrCat("looking at ", parent));
  }
  return about.stx_dev_major != above.stx_dev_major || about.stx_dev_minor != above.stx_dev_minor;
}

}  // namespace millrace
