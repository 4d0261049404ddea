// The part of an export that concerns one destination: what it has, what is new to it, and the run
// that delivers that.
#ifndef MILLRACE_EXPORT_DESTINATION_EXPORT_H_
#define MILLRACE_EXPORT_DESTINATION_EXPORT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "export/delivery_folder.h"
#include "export/export.h"
#include "export/window_claims.h"
#include "export/window_feed.h"
#include "script/script_pool.h"

namespace millrace {

// One thread at a time.
class DestinationExport {
 public:
  // All must outlive this. `sharing_runs` as in RunOptions.
  DestinationExport(const ExportRequest& request, const ExportParts& parts,
                    Destination& destination, const std::atomic<int>& sharing_runs,
                    ImportProgress& progress, std::stop_token stop);
  ~DestinationExport();

  // Opens what an earlier export has left, and claims its windows and `windows`. Aborted: another
  // process exports to the destination. Errors as of
  // WindowClaims::Claim(). FailedPrecondition also if the rows of a window are known in another
  // state folder only.
  absl::Status Begin(const std::vector<std::string>& windows);

  // Claims one more window. Errors as of WindowClaims::Claim().
  absl::Status Claim(const std::string& window);
  // Whether the window is still to be read. Its rows, if it was read before and has any.
  bool wants(const std::string& window) const;
  bool is_closed(const std::string& window) const;
  std::optional<uint64_t> rows_of(const std::string& window) const;
  // Whether rows of an earlier export are to be delivered.
  bool has_pending() const { return !folder_->pending().empty(); }
  // What ended a delivery, or a window claim that was lost; ok: deliveries can begin.
  absl::Status status() const { return report_.delivery.status; }

  // Begins to deliver: first what is pending, then what is added.
  absl::Status Start();
  // Keeps the rows of a snapshot until Start() delivers them.
  absl::Status Keep(const std::string& window, const WindowFile& file, RowHashes& hashes);
  // Keeps all rows of a window of events, repeats once, until Start() replaces with them what the
  // destination has of it.
  absl::Status KeepReplacement(const std::string& window, const WindowFile& file, RowHashes& hashes,
                               bool closes);
  // Keeps rows until Start() delivers them, whether they were delivered before or not: the
  // destination lacks them, and has all others with `hashes`.
  absl::Status KeepMissing(const std::string& window, const WindowFile& missing, RowHashes& hashes,
                           bool closes);
  // Delivers the new rows of a window that was fetched, if it has any.
  absl::Status Add(const std::string& window, const WindowFile& file, RowHashes& hashes,
                   bool closes);
  // Whether the run that Start() began can take more.
  bool is_delivering() const { return !feed_->reader_ended(); }
  // Waits until the run has begun to read all that was added.
  void AwaitTaken() { feed_->AwaitTaken(stop_.get_token()); }
  // Records what was delivered.
  absl::Status Settle();
  // Waits until all that was added is delivered, or the delivery has failed, and records it.
  absl::Status Finish();

  DestinationReport TakeReport();

  // The ledger object of a window.
  std::string ObjectOf(const std::string& window) const;

 private:
  std::unique_ptr<WindowClaims> NewClaims(std::string selection);
  // A window whose rows replace what the destination has, by a run of its own.
  struct Replacing {
    std::string object;
    std::unique_ptr<Replacement> replacement;
    std::unique_ptr<WindowFeed> feed;
  };

  bool Replaces(const PendingWindow& window) const;
  // Null: the records are appended, because a snapshot cannot replace others there.
  absl::StatusOr<std::unique_ptr<Replacement>> OpenReplacement(const std::string& window);
  absl::Status Compare(const std::string& window, WindowState& state);
  absl::Status Offer(const PendingWindow& window, WindowFeed& feed);
  ImportReport RunFeed(WindowFeed& feed, Replacement* replacement, const std::string& replacing);
  void Deliver();
  absl::Status SettleFeed(WindowFeed& feed);
  void CountRepeats(uint64_t rows);
  absl::Status Record(const PendingWindow& window);
  std::string StreamName() const;  // the ledger object of all windows together

  const ExportRequest& request_;
  const ExportParts& parts_;
  Destination& destination_;
  ImportRequest delivery_;
  const CurrentSources sources_;
  ImportProgress& progress_;
  const absl::Duration begin_;
  const uint64_t traffic_before_[2];  // requests and bytes
  std::stop_source stop_;             // of the deliveries
  std::stop_callback<std::function<void()>> on_outer_stop_;
  ScriptPool scripts_;
  DestinationReport report_;
  std::optional<DeliveryFolder> folder_;
  std::map<std::string, WindowState> states_;  // of claimed windows, by their names
  std::vector<Replacing> replacing_;           // while deliveries run, which begin with these
  std::unique_ptr<WindowFeed> feed_;           // while deliveries run
  ImportReport part_;                          // of the run that has ended
  absl::Mutex mutex_;
  absl::Status lost_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<WindowClaims> running_;  // that no other process exports to this destination
  WindowState running_state_;
  std::unique_ptr<WindowClaims> claims_;
  std::jthread thread_;  // last
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_DESTINATION_EXPORT_H_
