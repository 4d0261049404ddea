#include "watch/intake.h"

#include <filesystem>
#include <utility>

#include "base/log.h"

namespace millrace::watch {
namespace {

constexpr size_t kMostWarnings = 1000;  // of objects that no entry fits

}  // namespace

Intake::Intake(const SourcesConfig& sources, const std::string& config_path, InputFilter filter,
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

ObjectQueue* Intake::QueueFor(const Notice& notice) {
  if (!filter_.Names(notice.uri) || notice.uri == config_) {
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
  {
    absl::MutexLock lock(&mutex_);
    // Listings show the same ones again and again.
    if (warned_.size() >= kMostWarnings || !warned_.insert(uri).second) return;
  }
  ++progress_.import.objects_unmatched;
  Log(Severity::kWarning, "no entry of the config fits this object; it is left out",
      {{"object", uri}});
}

}  // namespace millrace::watch
