#include "watch/folder_trigger.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/glob.h"

namespace millrace::watch {
namespace {

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                             IN_DELETE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr size_t kBufferBytes = 64 << 10;

bool IsFolder(const std::string& path) {
  struct stat stat;
  return ::stat(path.c_str(), &stat) == 0 && S_ISDIR(stat.st_mode);
}

// A name that was created without a write to it: a link to a file.
bool IsLinkToFile(const std::string& path) {
  struct stat link, file;
  return ::lstat(path.c_str(), &link) == 0 && ::stat(path.c_str(), &file) == 0 &&
         S_ISREG(file.st_mode) && (S_ISLNK(link.st_mode) || link.st_nlink > 1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<FolderTrigger>> FolderTrigger::Start(
    const std::vector<InputRoot>& roots, NotificationRouter& router,
    std::function<void()> list_again) {
  FileDescriptor inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify.valid()) return ErrnoStatus(errno, "watching folders");
  FileDescriptor wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoStatus(errno, "watching folders");
  std::unique_ptr<FolderTrigger> trigger = absl::WrapUnique(
      new FolderTrigger(std::move(inotify), std::move(wake), router, std::move(list_again)));
  for (const InputRoot& root : roots) {
    const bool recursive = !root.one_object && (root.pattern.find('/') != std::string::npos ||
                                                root.pattern.find("**") != std::string::npos);
    trigger->roots_.push_back({root.folder, recursive});
    RETURN_IF_ERROR(trigger->AddTree(trigger->roots_.back(), /*offer=*/false, std::stop_token()));
  }
  trigger->thread_ =
      std::jthread([self = trigger.get()](std::stop_token stop) { self->Run(std::move(stop)); });
  pthread_setname_np(trigger->thread_.native_handle(), "watch-folder");
  return trigger;
}

FolderTrigger::FolderTrigger(FileDescriptor inotify, FileDescriptor wake,
                             NotificationRouter& router, std::function<void()> list_again)
    : inotify_(std::move(inotify)),
      wake_(std::move(wake)),
      router_(router),
      list_again_(std::move(list_again)) {}

FolderTrigger::~FolderTrigger() { Stop(); }

void FolderTrigger::Stop() {
  thread_.request_stop();
  const uint64_t one = 1;
  // Fails only after so many writes that the thread is awake in any case.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void FolderTrigger::Run(std::stop_token stop) {
  alignas(inotify_event) char buffer[kBufferBytes];
  pollfd ready[] = {{inotify_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  while (!stop.stop_requested()) {
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) return Lost();
    const ssize_t size = ::read(inotify_.get(), buffer, sizeof buffer);
    for (ssize_t at = 0; at < size && !stop.stop_requested();) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const std::string_view name(event->name, event->len == 0 ? 0 : std::strlen(event->name));
      OnEvent(event->wd, event->mask, name, stop);
    }
  }
}

void FolderTrigger::OnEvent(int wd, uint32_t mask, std::string_view name, std::stop_token stop) {
  if (mask & IN_Q_OVERFLOW) return Lost();
  const auto found = folders_.find(wd);
  if (found == folders_.end()) return;
  const Folder folder = found->second;
  if (mask & IN_IGNORED) {
    folders_.erase(found);
    for (const Folder& root : roots_) {
      if (root.path != folder.path) continue;
      Log(Severity::kWarning, "a watched folder was removed", {{"folder", folder.path}});
    }
    return;
  }
  const SegmentKind kind = (mask & IN_ISDIR) != 0 ? SegmentKind::kFolder : SegmentKind::kFile;
  if (name.empty() || IsHiddenName(name, kind)) return;
  const std::string path = StrCat(folder.path, name);
  if (mask & IN_ISDIR) {
    if (mask & IN_MOVED_FROM) return Forget(path + "/");
    if (!folder.recursive || !(mask & (IN_CREATE | IN_MOVED_TO))) return;
    const absl::Status added = AddTree({path + "/", true}, /*offer=*/true, stop);
    if (!added.ok()) Log(Severity::kError, ToStd(added.message()));
    return;
  }
  if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) return Offer(path, /*complete=*/true, stop);
  if ((mask & IN_CREATE) && IsLinkToFile(path)) Offer(path, /*complete=*/false, stop);
}

absl::Status FolderTrigger::AddTree(const Folder& folder, bool offer, std::stop_token stop) {
  const int wd = ::inotify_add_watch(inotify_.get(), folder.path.c_str(), kEvents);
  if (wd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return absl::OkStatus();  // removed meanwhile
    if (errno == ENOSPC) {
      return absl::ResourceExhaustedError(
          StrCat("watching ", folder.path,
                 ": the system's limit of watched folders is reached; "
                 "raise fs.inotify.max_user_watches (sysctl), or use --poll-interval"));
    }
    return ErrnoStatus(errno, StrCat("watching ", folder.path));
  }
  const auto [known, is_new] = folders_.try_emplace(wd, folder);
  if (!is_new) {
    // A folder with two names, for example through a link to a parent folder, is walked once.
    if (known->second.path != folder.path) return absl::OkStatus();
    known->second.recursive |= folder.recursive;
  }
  return AddBelow(folder, offer, stop);
}

absl::Status FolderTrigger::AddBelow(const Folder& folder, bool offer, std::stop_token stop) {
  if (!folder.recursive && !offer) return absl::OkStatus();
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.path.c_str()), ::closedir);
  if (open == nullptr) {
    return errno == ENOENT ? absl::OkStatus()
                           : ErrnoStatus(errno, StrCat("watching ", folder.path));
  }
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string path = StrCat(folder.path, name);
    const bool is_folder = IsFolder(path);
    if (IsHiddenName(name, is_folder ? SegmentKind::kFolder : SegmentKind::kFile)) continue;
    if (is_folder) {
      if (folder.recursive) RETURN_IF_ERROR(AddTree({path + "/", true}, offer, stop));
    } else if (offer) {
      Offer(path, /*complete=*/false, stop);
    }
  }
  return absl::OkStatus();
}

// The folder was moved away, with everything below it.
void FolderTrigger::Forget(const std::string& path) {
  for (const auto& [wd, folder] : folders_) {
    // Its IN_IGNORED event removes it.
    if (folder.path.starts_with(path)) ::inotify_rm_watch(inotify_.get(), wd);
  }
}

// Events were dropped: there may be new folders and files.
void FolderTrigger::Lost() {
  Log(Severity::kWarning, "the kernel dropped events of the watched folders; listing them again");
  for (const Folder& root : roots_) {
    const absl::Status added = AddTree(root, /*offer=*/false, std::stop_token());
    if (!added.ok()) Log(Severity::kError, ToStd(added.message()));
  }
  list_again_();
}

void FolderTrigger::Offer(std::string path, bool complete, std::stop_token stop) {
  ObjectNotification notification{
      .uri = std::move(path), .trigger = "folder", .maybe_unfinished = !complete};
  if (complete) notification.written = absl::Now();
  router_.OfferBlocking(std::move(notification), std::move(stop));
}

}  // namespace millrace::watch
