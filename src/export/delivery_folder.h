// The windows of one destination on disk: those that are fetched and not delivered yet, and what
// was delivered of those that are read again.
#ifndef MILLRACE_EXPORT_DELIVERY_FOLDER_H_
#define MILLRACE_EXPORT_DELIVERY_FOLDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "export/row_hashes.h"
#include "export/window_file.h"

namespace millrace {

// A window that was fetched whole: its rows that are new to the destination.
struct PendingWindow {
  std::string name;        // of the window: "2026-11-29"
  std::string version;     // of the content of the file
  uint64_t rows = 0;       // in the file; at least one, unless it replaces
  uint64_t delivered = 0;  // rows of the window that the destination has once it has these
  bool closes = false;     // the window is not read again
  bool replaces = false;   // the rows replace all that the destination has of the window
};

// For each window NAME: NAME.delivered has the hashes of the rows that the destination has.
// NAME.ndjson.zst has new rows, NAME.next what NAME.delivered becomes, and NAME.pending, which is
// written last, describes them: without it they do not count. One thread at a time.
class DeliveryFolder {
 public:
  // Creates the folder and removes what a fetch that did not end has left. Only one process may use
  // it at a time.
  static absl::StatusOr<DeliveryFolder> Open(std::string folder);

  // Those that are not delivered yet, by name.
  const std::vector<PendingWindow>& pending() const { return pending_; }

  // Keeps the rows of `file`, whose hashes are `hashes`, that are new: durable when it returns. A
  // result without rows means that none is new, and nothing was kept. `file` remains.
  absl::StatusOr<PendingWindow> Add(const std::string& name, const WindowFile& file,
                                    RowHashes& hashes, bool closes);
  // Keeps all rows of `file`, repeats once, to replace what the destination has of the window, as
  // Add() does.
  absl::StatusOr<PendingWindow> AddReplacement(const std::string& name, const WindowFile& file,
                                               RowHashes& hashes, bool closes);
  // Keeps the rows of `missing`, whether they were delivered or not: the destination lacks them,
  // and has all other rows with `hashes`. As Add().
  absl::StatusOr<PendingWindow> AddMissing(const std::string& name, const WindowFile& missing,
                                           RowHashes& hashes, bool closes);
  // The rows of the window, which was pending, are delivered. Durable, and may be repeated.
  absl::Status Complete(const std::string& name);
  // The window is not read again.
  absl::Status Forget(const std::string& name);

  // How many of the window's rows the destination has.
  absl::StatusOr<uint64_t> Delivered(const std::string& name) const;
  // The file with the window's new rows.
  std::string RowsPath(const std::string& name) const;

 private:
  explicit DeliveryFolder(std::string folder) : folder_(std::move(folder)) {}
  absl::Status Load();
  // Writes the file that makes the window pending.
  absl::Status Keep(const PendingWindow& window);
  std::string PathOf(const std::string& name, std::string_view ending) const;

  std::string folder_;
  std::vector<PendingWindow> pending_;
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_DELIVERY_FOLDER_H_
