#include "watch/object_notification.h"

namespace millrace::watch {

std::string_view NameOf(NotificationOutcome outcome) {
  switch (outcome) {
    case NotificationOutcome::kImported:
      return "imported";
    case NotificationOutcome::kDoneBefore:
      return "done_before";
    case NotificationOutcome::kConfigChanged:
      return "config_changed";
    case NotificationOutcome::kGone:
      return "gone";
    case NotificationOutcome::kIgnored:
      return "ignored";
    case NotificationOutcome::kHeld:
      return "held";
    case NotificationOutcome::kFailed:
      return "failed";
    case NotificationOutcome::kBusy:
      return "busy";
    case NotificationOutcome::kStopped:
      return "stopped";
  }
  return "stopped";
}

}  // namespace millrace::watch
