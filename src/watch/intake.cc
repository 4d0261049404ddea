#include "watch/intake.h"

#include <filesystem>
#include <utility>

#include "base/log.h"
#include "objects/hidden_names.h"

namespace millrace::watch {
namespace {

constexpr size_t kMaxWarnings = 1000;  // of objects that no entry fits, and of hidden names

}  // namespace

Intake::Intake(const CurrentSources& sources, const std::string& config_path, InputFilter filter,
               std::map<RecordType, ObjectQueue*> queues, WatchProgress& progress)
    : sources_(sources),
      filter_(std::move(filter)),
      queues_(std::move(queues)),
      progress_(progress) {
  std::error_code none;
  if (!config_path.empty()) config_ = std::filesystem::canonical(config_path, none).string();
}

void Intake::Offer(Notice notice) {
  ++progress_.notices;
  ObjectQueue* const queue = QueueFor(notice);
  if (queue != nullptr && !queue->Add(notice)) Answer(notice, NoticeOutcome::kBusy);
}

bool Intake::OfferWaiting(Notice notice, std::stop_token stop) {
  ++progress_.notices;
  ObjectQueue* const queue = QueueFor(notice);
  return queue == nullptr || queue->AddWaiting(notice, std::move(stop));
}

void Intake::OfferAgain(Notice notice) {
  ObjectQueue* const queue = QueueFor(notice);
  if (queue != nullptr) queue->AddAlways(notice);
}

void Intake::ForgetWarnings() {
  absl::MutexLock lock(&mutex_);
  warned_.clear();
}

ObjectQueue* Intake::QueueFor(const Notice& notice) {
  if (!filter_.Names(notice.uri) || notice.uri == config_) {
    if (filter_.Hides(notice.uri)) NoteHidden(notice.uri);
    Answer(notice, NoticeOutcome::kIgnored);
    return nullptr;
  }
  const std::shared_ptr<const SourceConfig> entry = sources_.Match(notice.uri);
  if (entry == nullptr) {
    WarnUnmatched(notice.uri);
    Answer(notice, NoticeOutcome::kIgnored);
    return nullptr;
  }
  return queues_.at(entry->record_type);
}

void Intake::Answer(const Notice& notice, NoticeOutcome outcome) {
  progress_.Count(outcome);
  if (notice.on_result) notice.on_result({.outcome = outcome, .object = {notice.uri, 0, ""}});
}

void Intake::WarnUnmatched(const std::string& uri) {
  if (!SeesFirst(uri)) return;
  ++progress_.import.objects_unmatched;
  Log(Severity::kWarning, "no entry of the config fits this object; it is left out",
      {{"object", uri}});
}

void Intake::NoteHidden(std::string_view uri) {
  if (!SeesFirst(std::string(uri))) return;
  NoteHiddenName(uri, progress_.import.objects_hidden, progress_.import.warnings);
}

// Listings show the same ones again and again.
bool Intake::SeesFirst(const std::string& uri) {
  absl::MutexLock lock(&mutex_);
  return warned_.size() < kMaxWarnings && warned_.insert(uri).second;
}

}  // namespace millrace::watch
