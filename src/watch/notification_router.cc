#include "watch/notification_router.h"

#include <filesystem>
#include <utility>

#include "base/log.h"
#include "objects/hidden_names.h"

namespace millrace::watch {
namespace {

constexpr size_t kMaxWarnings = 1000;  // about unmatched objects and hidden names

}  // namespace

NotificationRouter::NotificationRouter(const CurrentSources& sources,
                                       const std::string& config_path, InputFilter filter,
                                       std::map<RecordType, ObjectQueue*> queues,
                                       WatchProgress& progress)
    : sources_(sources),
      filter_(std::move(filter)),
      queues_(std::move(queues)),
      progress_(progress) {
  std::error_code none;
  if (!config_path.empty()) config_ = std::filesystem::canonical(config_path, none).string();
}

void NotificationRouter::Offer(ObjectNotification notification) {
  ++progress_.notifications;
  ObjectQueue* const queue = QueueFor(notification);
  if (queue != nullptr && !queue->Add(notification))
    Answer(notification, NotificationOutcome::kBusy);
}

bool NotificationRouter::OfferBlocking(ObjectNotification notification, std::stop_token stop) {
  ++progress_.notifications;
  ObjectQueue* const queue = QueueFor(notification);
  return queue == nullptr || queue->AddBlocking(notification, std::move(stop));
}

void NotificationRouter::OfferAgain(ObjectNotification notification) {
  ObjectQueue* const queue = QueueFor(notification);
  if (queue != nullptr) queue->AddAlways(notification);
}

void NotificationRouter::ForgetWarnings() {
  absl::MutexLock lock(&mutex_);
  warned_.clear();
}

ObjectQueue* NotificationRouter::QueueFor(const ObjectNotification& notification) {
  if (!filter_.Names(notification.uri) || notification.uri == config_) {
    if (filter_.Hides(notification.uri)) NoteHidden(notification.uri);
    Answer(notification, NotificationOutcome::kIgnored);
    return nullptr;
  }
  const std::shared_ptr<const SourceConfig> entry = sources_.Match(notification.uri);
  if (entry == nullptr) {
    WarnUnmatched(notification.uri);
    Answer(notification, NotificationOutcome::kIgnored);
    return nullptr;
  }
  return queues_.at(entry->record_type);
}

void NotificationRouter::Answer(const ObjectNotification& notification,
                                NotificationOutcome outcome) {
  progress_.Count(outcome);
  if (notification.ack) notification.ack({.outcome = outcome, .object = {notification.uri, 0, ""}});
}

void NotificationRouter::WarnUnmatched(const std::string& uri) {
  if (!SeesFirst(uri)) return;
  ++progress_.import.objects_unmatched;
  Log(Severity::kWarning, "no entry of the config matches this object; it is skipped",
      {{"object", uri}});
}

void NotificationRouter::NoteHidden(std::string_view uri) {
  if (!SeesFirst(std::string(uri))) return;
  NoteHiddenName(uri, progress_.import.objects_hidden, progress_.import.warnings);
}

// Repeated listings show the same names.
bool NotificationRouter::SeesFirst(const std::string& uri) {
  absl::MutexLock lock(&mutex_);
  return warned_.size() < kMaxWarnings && warned_.insert(uri).second;
}

}  // namespace millrace::watch
