#include "staypoints/in_place_exchange.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/file_descriptor.h"
#include "staypoints/output_folder.h"
#include "staypoints/output_marker.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

class Exchange {
 public:
  explicit Exchange(const std::string& output) : output_(output) {}

  absl::Status Run(const std::string& tree, const std::string& old) {
    RETURN_IF_ERROR(PutUnfinished());
    absl::Status status = Replace(tree, old);
    if (status.ok()) return RemoveUnfinished();
    if (!Undo() || !RemoveUnfinished().ok()) {
      Log(Severity::kWarning, "the output is incomplete; the next run replaces it",
          {{"output", output_}});
    }
    return status;
  }

 private:
  absl::Status Replace(const std::string& tree, const std::string& old) {
    ASSIGN_OR_RETURN(const std::vector<std::string> before, NamesIn(output_));
    ASSIGN_OR_RETURN(const std::vector<std::string> made, NamesIn(tree));
    RETURN_IF_ERROR(MoveAway(std::string(kMarkerName), old));
    for (const std::string& name : before) {
      if (name != kMarkerName) RETURN_IF_ERROR(MoveAway(name, old));
    }
    for (const std::string& name : made) {
      if (name != kMarkerName) RETURN_IF_ERROR(Move(tree, output_, name));
    }
    return Move(tree, output_, std::string(kMarkerName));
  }

  // The names in `folder` that are part of an output.
  static absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      std::string name = entry->path().filename().string();
      if (name == kUnfinishedName || !(IsOutputFile(name) || IsOutputFolder(name))) continue;
      names.push_back(std::move(name));
    }
    if (error) return ErrnoStatus(error.value(), StrCat("listing ", folder));
    return names;
  }

  absl::Status MoveAway(const std::string& name, const std::string& old) {
    const absl::Status moved = Move(output_, old, name);
    if (moved.ok() || absl::IsNotFound(moved)) return absl::OkStatus();
    // Folders of the lower layers of an overlay cannot be moved, only removed.
    std::error_code error;
    fs::remove_all(StrCat(output_, "/", name), error);
    if (error) return ErrnoStatus(error.value(), StrCat("removing ", output_, "/", name));
    is_undoable_ = false;
    return absl::OkStatus();
  }

  absl::Status Move(const std::string& from, const std::string& to, const std::string& name) {
    std::string source = StrCat(from, "/", name);
    std::string target = StrCat(to, "/", name);
    if (::rename(source.c_str(), target.c_str()) != 0) {
      return ErrnoStatus(errno, StrCat("moving ", source, " to ", target));
    }
    moves_.emplace_back(std::move(source), std::move(target));
    return absl::OkStatus();
  }

  // The marker, which was moved first, is restored last, and only if everything else was.
  bool Undo() {
    if (!is_undoable_) return false;
    for (auto move = moves_.rbegin(); move != moves_.rend(); ++move) {
      if (::rename(move->second.c_str(), move->first.c_str()) != 0) return false;
    }
    return true;
  }

  absl::Status PutUnfinished() {
    const std::string path = StrCat(output_, "/", kUnfinishedName);
    const FileDescriptor file(::open(
        path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
    if (!file.valid() || ::write(file.get(), kUnfinishedMarker.data(), kUnfinishedMarker.size()) !=
                             static_cast<ssize_t>(kUnfinishedMarker.size())) {
      return ErrnoStatus(errno, StrCat("writing ", path));
    }
    return absl::OkStatus();
  }

  absl::Status RemoveUnfinished() {
    const std::string path = StrCat(output_, "/", kUnfinishedName);
    if (::unlink(path.c_str()) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, StrCat("removing ", path));
  }

  const std::string& output_;
  std::vector<std::pair<std::string, std::string>> moves_;
  bool is_undoable_ = true;
};

}  // namespace

absl::Status ExchangeInPlace(const std::string& output, const std::string& tree,
                             const std::string& old) {
  const FileDescriptor folder(::open(output.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return ErrnoStatus(errno, StrCat("opening ", output));
  // Best effort: not every file system supports locks.
  (void)::flock(folder.get(), LOCK_EX);
  RETURN_IF_ERROR(InspectOutputFolder(output).status());
  return Exchange(output).Run(tree, old);
}

}  // namespace millrace
