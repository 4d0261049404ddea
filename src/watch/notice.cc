#include "watch/notice.h"

namespace millrace::watch {

std::string_view NameOf(NoticeOutcome outcome) {
  switch (outcome) {
    case NoticeOutcome::kImported:
      return "imported";
    case NoticeOutcome::kDoneBefore:
      return "done_before";
    case NoticeOutcome::kConfigChanged:
      return "config_changed";
    case NoticeOutcome::kGone:
      return "gone";
    case NoticeOutcome::kIgnored:
      return "ignored";
    case NoticeOutcome::kHeld:
      return "held";
    case NoticeOutcome::kFailed:
      return "failed";
    case NoticeOutcome::kBusy:
      return "busy";
    case NoticeOutcome::kStopped:
      return "stopped";
  }
  return "stopped";
}

}  // namespace millrace::watch
