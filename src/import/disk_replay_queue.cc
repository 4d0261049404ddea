#include <utility>

#include "base/status.h"
#include "import/replay_queue.h"

namespace millrace {
namespace {

class DiskReplayQueue : public ReplayQueue {
 public:
  DiskReplayQueue(std::string folder, DeadLetter& dead_letter, Clock& clock)
      : folder_(std::move(folder)), dead_letter_(dead_letter), clock_(clock) {}

  absl::StatusOr<DeadLetterScan> Scan(const DeadLetterFilter& filter, const Visit& visit,
                                      std::stop_token stop) override {
    return ScanDeadLetters(folder_, filter, [&](const DeadLetterRecord& record, bool replayed) {
      if (stop.stop_requested()) return absl::CancelledError("a stop was asked for");
      return visit(record, replayed);
    });
  }

  // New reasons first: until the older record of a row is noted as out of date both are shown, and
  // replayed once.
  absl::Status Settle(absl::Span<const ReplayNote> notes,
                      const std::map<LedgerKey, std::vector<Rejection>>& again) override {
    for (const auto& [object, rejections] : again) {
      RETURN_IF_ERROR(dead_letter_.Add(object, rejections));
      RETURN_IF_ERROR(dead_letter_.Sync(object));
    }
    return NoteReplayed(folder_, notes, clock_.Now());
  }

 private:
  const std::string folder_;
  DeadLetter& dead_letter_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<ReplayQueue> NewDiskReplayQueue(const std::string& folder, DeadLetter& dead_letter,
                                                Clock& clock) {
  return std::make_unique<DiskReplayQueue>(folder, dead_letter, clock);
}

}  // namespace millrace
