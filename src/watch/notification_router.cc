#include "watch/notification_router.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/log.h"
#include "objects/hidden_names.h"

namespace millrace::watch {
namespace {

constexpr size_t kMaxWarnings = 1000;  // about unmatched objects and hidden names

// The results of one notification at several destinations.
struct Together {
  absl::Mutex mutex;
  size_t missing ABSL_GUARDED_BY(mutex) = 0;
  std::optional<NotificationResult> result ABSL_GUARDED_BY(mutex);
  std::function<void(const NotificationResult&)> ack;

  // A result that asks for the notification again counts most, then one that did something.
  void Add(const NotificationResult& one) {
    absl::MutexLock lock(&mutex);
    const bool replaces =
        !result.has_value() ||
        (result->settled() != one.settled() ? result->settled() : one.outcome < result->outcome);
    if (replaces) result = one;
    if (--missing == 0) ack(*result);
  }
};

// Makes `ack` wait for as many results as there are destinations.
void AckTogether(ObjectNotification& notification, size_t destinations) {
  if (notification.ack == nullptr || destinations == 1) return;
  auto together = std::make_shared<Together>();
  together->ack = std::move(notification.ack);
  {
    absl::MutexLock lock(&together->mutex);
    together->missing = destinations;
  }
  notification.ack = [together](const NotificationResult& one) { together->Add(one); };
}

}  // namespace

NotificationRouter::NotificationRouter(const CurrentSources& sources,
                                       const std::string& config_path, InputFilter filter,
                                       std::vector<Queues> destinations, WatchProgress& progress)
    : sources_(sources),
      filter_(std::move(filter)),
      destinations_(std::move(destinations)),
      progress_(progress) {
  std::error_code none;
  if (!config_path.empty()) config_ = std::filesystem::canonical(config_path, none).string();
}

void NotificationRouter::Offer(ObjectNotification notification) {
  ++progress_.notifications;
  const std::optional<RecordType> type = TypeOf(notification);
  if (!type) return;
  AckTogether(notification, destinations_.size());
  for (const Queues& queues : destinations_) {
    ObjectNotification one = notification;
    if (!queues.at(*type)->Add(one)) Answer(one, NotificationOutcome::kBusy);
  }
}

bool NotificationRouter::OfferBlocking(ObjectNotification notification, std::stop_token stop) {
  ++progress_.notifications;
  const std::optional<RecordType> type = TypeOf(notification);
  if (!type) return true;
  AckTogether(notification, destinations_.size());
  return std::all_of(destinations_.begin(), destinations_.end(), [&](const Queues& queues) {
    ObjectNotification one = notification;
    return queues.at(*type)->AddBlocking(one, stop);
  });
}

void NotificationRouter::OfferAgain(size_t destination, ObjectNotification notification) {
  const std::optional<RecordType> type = TypeOf(notification);
  if (type) destinations_[destination].at(*type)->AddAlways(notification);
}

void NotificationRouter::ForgetWarnings() {
  absl::MutexLock lock(&mutex_);
  warned_.clear();
}

std::optional<RecordType> NotificationRouter::TypeOf(const ObjectNotification& notification) {
  if (!filter_.Names(notification.uri) || notification.uri == config_) {
    if (filter_.Hides(notification.uri)) NoteHidden(notification.uri);
    Answer(notification, NotificationOutcome::kIgnored);
    return std::nullopt;
  }
  const std::shared_ptr<const SourceConfig> entry = sources_.Match(notification.uri);
  if (entry == nullptr) {
    WarnUnmatched(notification.uri);
    Answer(notification, NotificationOutcome::kIgnored);
    return std::nullopt;
  }
  return entry->record_type;
}

void NotificationRouter::Answer(const ObjectNotification& notification,
                                NotificationOutcome outcome) {
  progress_.Count(outcome);
  if (notification.ack) notification.ack({.outcome = outcome, .object = {notification.uri, 0, ""}});
}

void NotificationRouter::WarnUnmatched(const std::string& uri) {
  if (!SeesFirst(uri)) return;
  ++progress_.imports.front().objects_unmatched;
  Log(Severity::kWarning, "no entry of the config matches this object; it is skipped",
      {{"object", uri}});
}

void NotificationRouter::NoteHidden(std::string_view uri) {
  if (!SeesFirst(std::string(uri))) return;
  NoteHiddenName(uri, progress_.imports.front().objects_hidden, progress_.imports.front().warnings);
}

// Repeated listings show the same names.
bool NotificationRouter::SeesFirst(const std::string& uri) {
  absl::MutexLock lock(&mutex_);
  return warned_.size() < kMaxWarnings && warned_.insert(uri).second;
}

}  // namespace millrace::watch
