// Watches local folders with inotify, including subfolders that are created later. Reports files
// that are complete: closed after writing, or moved there.
#ifndef MILLRACE_WATCH_FOLDER_TRIGGER_H_
#define MILLRACE_WATCH_FOLDER_TRIGGER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "io/file_descriptor.h"
#include "watch/input_filter.h"
#include "watch/notification_router.h"
#include "watch/trigger.h"

namespace millrace::watch {

class FolderTrigger : public Trigger {
 public:
  // Watches the folders on return: a listing after that misses nothing. `list_again` is called when
  // the kernel has dropped events. ResourceExhausted if the system's limit of watched folders
  // is reached.
  static absl::StatusOr<std::unique_ptr<FolderTrigger>> Start(const std::vector<InputRoot>& roots,
                                                              NotificationRouter& router,
                                                              std::function<void()> list_again);
  ~FolderTrigger() override;

  void Stop() override;

 private:
  FolderTrigger(FileDescriptor inotify, FileDescriptor wake, NotificationRouter& router,
                std::function<void()> list_again);

  struct Folder {
    std::string path;  // ends with '/'
    bool recursive = false;
  };

  void Run(std::stop_token stop);
  void OnEvent(int wd, uint32_t mask, std::string_view name, std::stop_token stop);
  // Watches the folder and those below it; offers the files in them if `offer` says so.
  absl::Status AddTree(const Folder& folder, bool offer, std::stop_token stop);
  absl::Status AddBelow(const Folder& folder, bool offer, std::stop_token stop);
  void Forget(const std::string& path);
  void Lost();
  void Offer(std::string path, bool complete, std::stop_token stop);

  const FileDescriptor inotify_;
  const FileDescriptor wake_;
  NotificationRouter& router_;
  const std::function<void()> list_again_;
  std::vector<Folder> roots_;
  absl::flat_hash_map<int, Folder> folders_;  // by watch descriptor
  std::jthread thread_;                       // last
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_FOLDER_TRIGGER_H_
