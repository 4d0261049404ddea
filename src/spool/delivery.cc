#include "spool/delivery.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "pipeline/intent_resolver.h"
#include "spool/log_source.h"
#include "spool/log_transform.h"

namespace millrace {
namespace {

// Between runs that failed.
constexpr absl::Duration kFirstWait = absl::Seconds(1), kLongestWait = absl::Minutes(1);

// Ends commits that an earlier process has announced.
class CommitFinisher {
 public:
  CommitFinisher(Staging& staging, const DeliveryParts& parts, DeadLetterQueue& dead_letter)
      : committer_(staging.NewCommitter()),
        retrier_(parts.run.retry, parts.clock),
        resolver_(parts.spool.ledger(), *committer_, dead_letter, retrier_, parts.clock,
                  parts.run.lease),
        owner_(parts.spool.owner()) {}

  absl::Status operator()(const std::string& intent, bool owner_is_dead, std::stop_token stop) {
    return resolver_.Resolve(intent, owner_, owner_is_dead, std::move(stop));
  }

 private:
  const std::unique_ptr<Committer> committer_;
  Retrier retrier_;
  IntentResolver resolver_;
  const std::string owner_;
};

}  // namespace

SpoolFollower Delivery::FollowerOf(const Destination& destination, bool from_oldest) {
  SpoolFollower follower{.name = destination.label(), .from_oldest = from_oldest};
  for (const RecordType type : kAllRecordTypes) {
    if (!destination.CheckConfig(type).ok()) continue;
    follower.ledger_names[type] = destination.LedgerName(type);
  }
  return follower;
}

Delivery::Delivery(Destination& destination, SpoolEntries entries, const DeliveryParts& parts)
    : destination_(destination),
      entries_(std::move(entries)),
      parts_(parts),
      dead_letter_(parts.dead_letter, parts.spool.log()),
      name_(destination.label()) {
  for (const auto& [type, entry] : entries_) {
    if (destination_.CheckConfig(type).ok()) ++parts_.sharing_runs;
  }
}

void Delivery::Start() {
  for (const auto& [type, entry] : entries_) {
    if (!destination_.CheckConfig(type).ok()) continue;
    threads_.emplace_back([this, type = type](const std::stop_token& stop) {
      pthread_setname_np(pthread_self(), "mr-delivery");
      Follow(type, stop);
    });
  }
}

void Delivery::Stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();  // joins
}

std::string Delivery::last_error() const {
  absl::MutexLock lock(&mutex_);
  return progress_.rows_accepted > accepted_at_error_ ? "" : last_error_;
}

void Delivery::NoteError(std::string error) {
  absl::MutexLock lock(&mutex_);
  last_error_ = std::move(error);
  accepted_at_error_ = progress_.rows_accepted;
}

void Delivery::Follow(RecordType type, const std::stop_token& stop) {
  absl::Duration wait = kFirstWait;
  while (!stop.stop_requested()) {
    const uint64_t before = progress_.rows_accepted;
    const RunReport report = RunOnce(type, stop);
    if (stop.stop_requested() || report.status.ok()) return;
    NoteError(report.first_error);
    if (progress_.rows_accepted > before) wait = kFirstWait;
    Log(Severity::kError, "a delivery stopped and will be tried again",
        {{"destination", name_},
         {"records", PluralOf(type)},
         {"error", ToStd(report.status.message())},
         {"wait_s", absl::ToDoubleSeconds(wait)}});
    if (!parts_.clock.SleepFor(wait, stop)) return;
    wait = std::min(wait * 2, kLongestWait);
  }
}

RunReport Delivery::RunOnce(RecordType type, const std::stop_token& stop) {
  Staging* const staging = destination_.staging(type);
  std::optional<CommitFinisher> finisher;
  if (staging != nullptr) finisher.emplace(*staging, parts_, dead_letter_);
  LogSourceOptions options{
      .type = type,
      .destination = destination_.LedgerName(type),
      .owner = parts_.spool.owner(),
      .first_sequence = parts_.spool.FirstSequenceOf(name_),
      .config = entries_.at(type),
      .lease = parts_.run.lease,
      .retry = parts_.run.retry,
      .expires = [this,
                  type](uint64_t sequence) { return parts_.spool.Expire(name_, type, sequence); },
      .on_done = [this, type](uint64_t sequence) { parts_.spool.Done(name_, type, sequence); }};
  if (finisher) options.resolve_intent = std::ref(*finisher);
  LogSource source(std::move(options), parts_.spool.log(), parts_.spool.ledger());
  RunOptions run = parts_.run;
  run.sharing_runs = &parts_.sharing_runs;
  destination_.AdaptOptions(run);
  // Updates of one profile stay in order if they are sent one after another.
  if (type != RecordType::kEvent) run.initial_writes = run.max_writes = 1;
  RunParts parts{.source = source,
                 .make_transform =
                     [this] {
                       return std::make_unique<LogTransform>(parts_.clock, destination_.rules(),
                                                             &parts_.scripts);
                     },
                 .make_sink = [this, type] { return destination_.NewSink(type); },
                 .ledger = parts_.spool.ledger(),
                 .dead_letter = dead_letter_,
                 .cursor = destination_.cursor(type),
                 .staging = staging,
                 .clock = parts_.clock};
  return Run(std::move(parts), run, stop, &progress_);
}

}  // namespace millrace
