#include <utility>

#include "base/status.h"
#include "replay/replay_queue.h"

namespace millrace {
namespace {

class DiskReplayQueue : public ReplayQueue {
 public:
  DiskReplayQueue(std::string folder, Clock& clock) : folder_(std::move(folder)), clock_(clock) {}

  absl::StatusOr<DeadLetterScan> Scan(const DeadLetterFilter& filter, const Visit& visit,
                                      std::stop_token stop) override {
    return ScanDeadLetters(folder_, filter, [&](const DeadLetterRecord& record, bool replayed) {
      if (stop.stop_requested()) return absl::CancelledError("the replay was stopped");
      return visit(record, replayed);
    });
  }

  absl::Status Ack(absl::Span<const ReplayNote> notes,
                   const std::map<LedgerKey, std::vector<Rejection>>& again) override {
    return NoteReplayed(folder_, notes, again, clock_.Now());
  }

 private:
  const std::string folder_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<ReplayQueue> NewDiskReplayQueue(const std::string& folder, Clock& clock) {
  return std::make_unique<DiskReplayQueue>(folder, clock);
}

}  // namespace millrace
