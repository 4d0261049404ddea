#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/file_descriptor.h"
#include "io/temp_folder.h"
#include "staypoints/output_tree.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

// Not synced: until the whole tree is in its place the file means nothing.
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

// Everything lies in one temporary folder, which is removed at the end, whatever it holds then:
// "tree" is what is being built, and later what was there before.
class LocalOutputTree : public OutputTree {
 public:
  LocalOutputTree(std::string output, std::unique_ptr<TempFolder> folder, std::string tree,
                  FileDescriptor root, const std::string& scratch)
      : output_(std::move(output)),
        folder_(std::move(folder)),
        tree_(std::move(tree)),
        root_(std::move(root)),
        scratch_(scratch.empty() ? folder_->path() : scratch) {}

  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(const std::string& path) override {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    if (const size_t slash = path.rfind('/'); slash != std::string::npos) {
      RETURN_IF_ERROR(MakeFolder(path.substr(0, slash)));
    }
    FileDescriptor file(::openat(root_.get(), path.c_str(), kFlags, 0666));
    if (!file.valid()) return ErrnoStatus(errno, StrCat("making ", path, " of ", output_));
    return std::make_unique<TreeFile>(StrCat(output_, "/", path), std::move(file));
  }

  absl::Status Publish(std::string_view marker) override {
    ASSIGN_OR_RETURN(const auto file, Create(std::string(kMarkerName)));
    RETURN_IF_ERROR(file->Append(marker));
    RETURN_IF_ERROR(file->Finish());
    if (::renameat2(AT_FDCWD, tree_.c_str(), AT_FDCWD, output_.c_str(), RENAME_NOREPLACE) == 0) {
      return absl::OkStatus();
    }
    if (errno == EEXIST) return Exchange();
    if (errno != EINVAL) return Failure(errno);
    // The file system knows no such renames. A plain one replaces nothing but an empty folder.
    if (::rename(tree_.c_str(), output_.c_str()) == 0) return absl::OkStatus();
    return errno == ENOTEMPTY || errno == EEXIST ? ReplaceInTwoSteps() : Failure(errno);
  }

  const std::string& scratch_folder() const override { return scratch_; }

 private:
  // Mostly the folders above are there: making sure of them first would cost more than the rest.
  absl::Status MakeFolder(const std::string& folder) {
    if (::mkdirat(root_.get(), folder.c_str(), 0777) == 0 || errno == EEXIST) {
      return absl::OkStatus();
    }
    const int error = errno;
    const size_t slash = folder.rfind('/');
    if (error != ENOENT || slash == std::string::npos) {
      return ErrnoStatus(error, StrCat("making the folder ", folder, " of ", output_));
    }
    RETURN_IF_ERROR(MakeFolder(folder.substr(0, slash)));
    return MakeFolder(folder);
  }

  absl::Status Exchange() {
    if (::renameat2(AT_FDCWD, tree_.c_str(), AT_FDCWD, output_.c_str(), RENAME_EXCHANGE) == 0) {
      return absl::OkStatus();
    }
    return errno == EINVAL ? ReplaceInTwoSteps() : Failure(errno);
  }

  absl::Status ReplaceInTwoSteps() {
    const std::string old = StrCat(folder_->path(), "/old");
    if (::rename(output_.c_str(), old.c_str()) != 0) return Failure(errno);
    if (::rename(tree_.c_str(), output_.c_str()) == 0) return absl::OkStatus();
    const int error = errno;
    (void)::rename(old.c_str(), output_.c_str());
    return Failure(error);
  }

  absl::Status Failure(int error) const {
    return ErrnoStatus(error, StrCat("putting the finished output at ", output_));
  }

  const std::string output_;
  const std::unique_ptr<TempFolder> folder_;
  const std::string tree_;
  const FileDescriptor root_;  // of tree_
  const std::string scratch_;
};

// Ok if a run may put its output at `output`.
absl::Status CheckReplaceable(const std::string& output) {
  struct stat stat;
  if (::stat(output.c_str(), &stat) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, StrCat("looking at ", output));
  }
  if (!S_ISDIR(stat.st_mode)) {
    return absl::InvalidArgumentError(StrCat(output, " is a file; --output names a folder"));
  }
  std::error_code error;
  const bool is_empty = fs::is_empty(output, error);
  if (error) return ErrnoStatus(error.value(), StrCat("looking into ", output));
  if (is_empty || fs::exists(StrCat(output, "/", kMarkerName), error)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat(output, " holds files that are not an earlier output of this command (it has no ",
             kMarkerName, "); empty it or choose another folder"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputTree>> OpenLocalOutputTree(const std::string& output,
                                                                const std::string& temp_folder) {
  std::error_code error;
  fs::path path = fs::absolute(output, error).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  // A link to a folder stays a link.
  if (const fs::path real = fs::canonical(path, error); !error) path = real;
  RETURN_IF_ERROR(CheckReplaceable(path.string()));
  const std::string parent = path.parent_path().string();
  if (fs::create_directories(parent, error); error) {
    return ErrnoStatus(error.value(), StrCat("making the folder ", parent));
  }
  ASSIGN_OR_RETURN(auto folder,
                   TempFolder::Make(parent, StrCat(".", path.filename().string(), ".millrace")));
  const std::string tree = StrCat(folder->path(), "/tree");
  if (::mkdir(tree.c_str(), 0777) != 0) return ErrnoStatus(errno, StrCat("making ", tree));
  FileDescriptor root(::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return ErrnoStatus(errno, StrCat("opening ", tree));
  return std::make_unique<LocalOutputTree>(path.string(), std::move(folder), tree, std::move(root),
                                           temp_folder);
}

}  // namespace millrace
