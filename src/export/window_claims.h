// The windows that this process exports to one destination, claimed in the ledger so that no other
// export writes them at the same time or with another filter.
#ifndef MILLRACE_EXPORT_WINDOW_CLAIMS_H_
#define MILLRACE_EXPORT_WINDOW_CLAIMS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/retry_policy.h"
#include "pipeline/ledger.h"

namespace millrace {

// The state of a window: a ledger row of its own beside those of the window's files.
struct WindowState {
  bool closed = false;     // it is not read again
  uint64_t delivered = 0;  // rows that the destination has
  uint64_t in_flight = 0;  // rows of a file whose delivery has begun
  friend bool operator==(const WindowState&, const WindowState&) = default;
};

struct WindowClaimOptions {
  std::string destination;  // LedgerKey::destination
  std::string label;        // for messages
  std::string selection;    // what else decides which rows are delivered, and how: filter, zone
  absl::Duration lease;
  RetryPolicy retry;
  // Called from another thread when another worker has taken a window over.
  std::function<void(absl::Status)> on_lost;
};

// Thread-safe. Renews the claims until it is destroyed, which releases them.
class WindowClaims {
 public:
  // LedgerKey::version of windows; their files have hashes as versions.
  static constexpr char kVersion[] = "window";
  // LedgerKey::config of the object of all windows of a destination, by their kind.
  static constexpr char kAllDays[] = "export";
  static constexpr char kAllHours[] = "export:processed";

  // `ledger` outlives this.
  WindowClaims(Ledger& ledger, WindowClaimOptions options);
  ~WindowClaims();

  // Claims `window`, the name of a ledger object. Aborted: another worker exports it, whose name is
  // in the message. FailedPrecondition: it was exported to this destination with another
  // selection. A closed window is not claimed.
  absl::StatusOr<WindowState> Claim(const std::string& window, std::stop_token stop);

  // Stores the state of a claimed window. One that is closed is no longer claimed.
  absl::Status Store(const std::string& window, const WindowState& state, std::stop_token stop);

 private:
  absl::StatusOr<Ledger::Claim> TryClaim(const LedgerKey& key, std::stop_token stop);
  void Renew(std::stop_token stop);

  Ledger& ledger_;
  const WindowClaimOptions options_;
  absl::Mutex mutex_;  // held during calls of the ledger: each entry has one writer at a time
  std::map<std::string, LedgerEntry> entries_ ABSL_GUARDED_BY(mutex_);
  std::jthread renewer_;  // last
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_WINDOW_CLAIMS_H_
