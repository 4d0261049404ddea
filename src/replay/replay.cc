#include "replay/replay.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_split.h"
#include "base/event_identity.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "mapping/identity_event.h"
#include "objects/object_source.h"
#include "objects/source_rows.h"
#include "pipeline/whole_refusals.h"
#include "replay/remap.h"
#include "replay/replay_commits.h"
#include "replay/replay_spans.h"

namespace millrace {
namespace {

constexpr size_t kMaxRecords = 1000;
constexpr size_t kMaxBytes = 4 << 20;
// A transform may produce thousands of events from a record, so the first batches of such records
// are small, and later batches are as large as the earlier ones allow.
constexpr size_t kFirstTransformed = 16;

bool IsOfSpool(const LedgerKey& object) { return object.object.starts_with("spool:"); }
bool IsOfProxy(const LedgerKey& object) {
  return IsOfSpool(object) || object.object.starts_with("proxy:");
}

// Null: the record belongs to another config.
std::shared_ptr<const SourceConfig> ConfigOf(const ReplayRequest& request,
                                             const LedgerKey& object) {
  if (!IsOfProxy(object)) return request.import.sources.Match(object.object);
  for (const auto& [type, entry] : request.spool_entries) {
    const std::string_view name = PluralOf(type);
    if (IsOfSpool(object) ? object.object.find(StrCat("/", name)) != std::string::npos
                          : object.destination == name) {
      return entry;
    }
  }
  return nullptr;
}

// One record in progress.
struct Replaying {
  DeadLetterRecord record;
  std::shared_ptr<const SourceConfig> config;
  MapOutcome outcome = MapOutcome::kMapped;
  std::string row = {};   // the source row as JSON; empty: not available
  Rejection again = {};   // if it is rejected
  bool hopeless = false;  // rejected because of what was stored, not because of the config
  std::vector<std::string> events = {};  // identities (EventIdentity::key) that were sent
};

// The records of one destination, in batches.
class DestinationReplay {
 public:
  DestinationReplay(const ReplayRequest& request, const ReplayParts& parts, RecordType type,
                    ReplayReport& report, std::stop_token stop)
      : request_(request),
        parts_(parts),
        report_(report),
        stop_(std::move(stop)),
        remapper_(parts.clock.Now(), request.destination->rules()),
        retrier_(request.import.run.retry, parts.clock) {
    if (request.dry_run) return;
    if (Staging* const staging = request.destination->staging(type)) {
      commits_.emplace(
          ReplayCommitsParts{*staging, *parts.ledger, refusals_, retrier_, parts.clock},
          request.destination->LedgerName(type), request.import.run.lease);
      max_records_ = ReplayCommits::kMaxRecords;
    } else {
      sink_ = request.destination->NewSink(type);
    }
    DeliveryCursor* const cursor = request.destination->cursor(type);
    if (cursor != nullptr) spans_.emplace(*cursor, retrier_);
    if (type != RecordType::kEvent) return;
    const auto reader = request.destination->NewEventReader();
    if (reader.ok()) identify_ = (*reader)->NewIdentify();
  }

  absl::Status Add(const DeadLetterRecord& record, std::shared_ptr<const SourceConfig> config) {
    ++report_.counts.read;
    bytes_ += record.rejection.payload_before.size() + record.rejection.payload_after.size();
    transforms_ = transforms_ || !config->transform.empty();
    records_.push_back({.record = record, .config = std::move(config)});
    const size_t max_records = transforms_ ? max_transformed_ : max_records_;
    return records_.size() < max_records && bytes_ < kMaxBytes ? absl::OkStatus() : Flush();
  }

  absl::Status Flush() {
    if (records_.empty()) return absl::OkStatus();
    batch_.clear();
    RETURN_IF_ERROR(Map());
    AdaptToOutput();
    if (!request_.dry_run) {
      RETURN_IF_ERROR(Send());
      RETURN_IF_ERROR(Note());
      if (spans_) spans_->Release();
      if (commits_) commits_->Forget(stop_);
    }
    Count();
    records_.clear();
    bytes_ = 0;
    return absl::OkStatus();
  }

 private:
  static void Reject(Replaying& one, std::string code, std::string field, std::string message,
                     std::string mapped) {
    one.outcome = MapOutcome::kRejected;
    one.again = {.source_row = one.record.rejection.source_row,
                 .code = std::move(code),
                 .field = std::move(field),
                 .message = std::move(message),
                 .payload_before = one.row,
                 .payload_after = std::move(mapped),
                 .partial = one.record.rejection.partial};
  }

  void AdaptToOutput() {
    if (batch_.bytes.size() > kMaxBytes) {
      max_transformed_ = std::max<size_t>(1, records_.size() / 2);
    } else if (batch_.bytes.size() < kMaxBytes / 4) {
      max_transformed_ = std::min(max_records_, 2 * max_transformed_);
    }
    transforms_ = false;
  }

  // Fills batch_ with the events of records_, whose indexes are their source rows.
  absl::Status Map() {
    RETURN_IF_ERROR(FindRows());
    std::vector<KeptRow> rows;
    std::vector<size_t> index;  // of the record of each
    for (size_t i = 0; i < records_.size(); ++i) {
      const DeadLetterRecord& record = records_[i].record;
      if (records_[i].row.empty()) {
        TakeMapped(i);
        continue;
      }
      rows.push_back({records_[i].row, record.object.object, record.object.version,
                      record.rejection.source_row, records_[i].config});
      index.push_back(i);
    }
    const size_t taken = batch_.rows();
    ASSIGN_OR_RETURN(std::vector<Remapped> remapped,
                     request_.remap ? request_.remap(rows, batch_) : remapper_.Map(rows, batch_));
    for (size_t i = taken; i < batch_.rows(); ++i) {
      batch_.source_rows[i] = index[batch_.source_rows[i]];
    }
    for (size_t i = 0; i < remapped.size(); ++i) {
      Replaying& one = records_[index[i]];
      MapError& why = remapped[i].why;
      one.outcome = remapped[i].outcome;
      if (one.outcome == MapOutcome::kRejected) {
        one.hopeless = why.code == "unreadable_row";
        Reject(one, std::move(why.code), std::move(why.field), std::move(why.message),
               std::move(why.mapped));
      }
    }
    return absl::OkStatus();
  }

  // The rows as they were stored. If only the event was stored and the config has changed, reads
  // the row again from its object; with the same config, mapping would give the same event. None of
  // a partial record.
  absl::Status FindRows() {
    std::map<LedgerKey, std::vector<Replaying*>> to_read;
    for (Replaying& one : records_) {
      const DeadLetterRecord& record = one.record;
      if (record.rejection.partial) continue;  // the row has more events than may be sent
      if (!record.rejection.payload_before.empty() && record.payload_before_bytes == 0) {
        one.row = record.rejection.payload_before;
      } else if (!IsOfProxy(record.object) && (!HasWholeEvent(record) || ConfigChanged(one))) {
        to_read[record.object].push_back(&one);
      }
    }
    for (const auto& [object, records] : to_read) {
      RowSet wanted;
      for (const Replaying* one : records) wanted.Add(one->record.rejection.source_row);
      auto rows = ReadRowsAsJson(object, *records.front()->config, wanted, request_.import.stores);
      if (absl::IsUnavailable(rows.status())) return rows.status();
      if (!rows.ok()) continue;  // missing or changed: use what was stored
      for (Replaying* one : records) {
        one->row = std::move((*rows)[one->record.rejection.source_row]);
      }
    }
    return absl::OkStatus();
  }

  static bool HasWholeEvent(const DeadLetterRecord& record) {
    return record.rejection.payload_before.empty() && !record.rejection.payload_after.empty() &&
           record.payload_after_bytes == 0;
  }

  static bool ConfigChanged(const Replaying& one) {
    const LedgerKey& object = one.record.object;
    return KeyOf({object.object, 0, object.version}, *one.config, "").config != object.config;
  }

  // The mapped record that the destination rejected, unchanged.
  void TakeMapped(size_t i) {
    Replaying& one = records_[i];
    const DeadLetterRecord& record = one.record;
    if (!HasWholeEvent(record)) {
      one.hopeless = true;
      Reject(one, record.rejection.code, record.rejection.field,
             "the record was too large to be stored completely, and its source is missing or has "
             "changed",
             "");
      return;
    }
    for (const absl::string_view line :
         absl::StrSplit(record.rejection.payload_after, '\n', absl::SkipEmpty())) {
      batch_.bytes.Append(ToStd(line));
      batch_.EndRow(i);
    }
  }

  absl::Status Send() {
    if (commits_) return Commit();
    if (!spans_) return Write(batch_, {});
    std::vector<ReplayedRow> records;
    for (const Replaying& one : records_) {
      records.push_back({&one.record.object, one.record.rejection.source_row});
    }
    RETURN_IF_ERROR(spans_->Prepare(batch_, records, stop_));
    return Write(spans_->batch(), spans_->spans());
  }

  absl::Status Write(const Batch& batch, absl::Span<const BatchSpan> spans) {
    if (batch.empty()) return absl::OkStatus();
    for (RetryLoop tries(retrier_);;) {
      const WriteResult result = sink_->Write(batch, spans, stop_);
      if (result.durable() || result.refused_whole()) {
        tries.Succeeded();
        if (!result.fenced().empty()) {
          return absl::AbortedError(
              "another replay of the same records has begun; run again when it has ended");
        }
        ASSIGN_OR_RETURN(std::vector<RefusedRow> refused, refusals_.Judge(result, batch.rows()));
        for (RefusedRow& row : refused) {
          if (spans_) row.row = spans_->OriginalRow(row.row);
        }
        TakeRefused(refused);
        return absl::OkStatus();
      }
      if (!result.retryable()) return result.status();
      RETURN_IF_ERROR(tries.WaitToRetry(result.status(), result.retry_after(), stop_));
      ++report_.retries;
    }
  }

  absl::Status Commit() {
    std::vector<const DeadLetterRecord*> records;
    for (const Replaying& one : records_) records.push_back(&one.record);
    ASSIGN_OR_RETURN(const auto refused, commits_->Write(batch_, records, stop_));
    std::vector<RefusedRow> rows;
    for (size_t row = 0; row < batch_.rows(); ++row) {
      const auto why = refused.find(batch_.source_rows[row]);
      if (why == refused.end()) continue;
      rows.push_back({row, why->second.code, why->second.field, why->second.message});
    }
    TakeRefused(rows);
    return absl::OkStatus();
  }

  void TakeRefused(const std::vector<RefusedRow>& refused) {
    for (const RefusedRow& row : refused) {
      Replaying& one = records_[batch_.source_rows[row.row]];
      if (one.outcome == MapOutcome::kMapped) Reject(one, row.code, row.field, row.message, "");
      StrAppend(&one.again.payload_after, one.again.payload_after.empty() ? "" : "\n",
                batch_.row(row.row));
    }
  }

  // Records the outcomes of records_.
  absl::Status Note() {
    RETURN_IF_ERROR(ReadIdentities());
    std::vector<ReplayNote> notes;
    std::map<LedgerKey, std::vector<Rejection>> rejections;
    for (const Replaying& one : records_) {
      const bool rejected = one.outcome == MapOutcome::kRejected;
      if (rejected && !HasNewReason(one)) continue;
      if (rejected) rejections[one.record.object].push_back(one.again);
      notes.push_back({.object = one.record.object,
                       .row = one.record.rejection.source_row,
                       .rejected_again = rejected,
                       .events = one.events});
    }
    return parts_.queue.Ack(notes, rejections);
  }

  absl::Status ReadIdentities() {
    if (identify_ == nullptr) return absl::OkStatus();
    for (size_t i = 0; i < batch_.rows(); ++i) {
      Replaying& one = records_[batch_.source_rows[i]];
      if (one.outcome != MapOutcome::kMapped || IsIdentityRecord(batch_.row(i))) continue;
      RETURN_IF_ERROR(identify_(batch_.row(i), identity_));
      one.events.push_back(identity_.key);
    }
    return absl::OkStatus();
  }

  static bool HasNewReason(const Replaying& one) {
    if (one.hopeless) return false;
    const Rejection& old = one.record.rejection;
    return one.again.code != old.code || one.again.field != old.field ||
           one.again.message != old.message;
  }

  void Count() {
    for (const Replaying& one : records_) {
      switch (one.outcome) {
        case MapOutcome::kMapped:
          ++report_.counts.accepted;
          break;
        case MapOutcome::kFiltered:
          ++report_.counts.filtered;
          break;
        case MapOutcome::kRejected:
          ++report_.counts.rejected;
          if (report_.first_error.empty()) {
            report_.first_error =
                StrCat(RowName(one.record.object, one.again.source_row), ": ", one.again.message);
          }
      }
    }
    for (size_t i = 0; i < batch_.rows(); ++i) {
      report_.counts.events += records_[batch_.source_rows[i]].outcome == MapOutcome::kMapped;
    }
  }

  const ReplayRequest& request_;
  const ReplayParts& parts_;
  ReplayReport& report_;
  const std::stop_token stop_;
  Remapper remapper_;
  Retrier retrier_;
  WholeRefusals refusals_;
  std::unique_ptr<Sink> sink_;            // null in a dry run, and of a staged destination
  std::optional<ReplaySpans> spans_;      // of a destination with a cursor
  std::optional<ReplayCommits> commits_;  // of a staged destination
  EventReader::Identify identify_;        // null: the destination's events cannot be compared
  EventIdentity identity_;
  std::vector<Replaying> records_;
  size_t bytes_ = 0;
  bool transforms_ = false;  // the config of one of records_ has a transform
  size_t max_records_ = kMaxRecords;
  size_t max_transformed_ = kFirstTransformed;
  Batch batch_;
};

std::set<RecordType> TypesOf(const ReplayRequest& request) {
  std::set<RecordType> types;
  for (const auto& entry : request.import.sources.entries()) types.insert(entry->record_type);
  for (const auto& [type, entry] : request.spool_entries) types.insert(type);
  return types;
}

absl::Status CheckCanCommit(const ReplayRequest& request, const ReplayParts& parts) {
  if (request.dry_run || parts.ledger != nullptr) return absl::OkStatus();
  for (const RecordType type : TypesOf(request)) {
    if (request.destination->staging(type) == nullptr) continue;
    return absl::InvalidArgumentError(
        StrCat(request.destination->label(),
               " makes rows visible by commits, which a running proxy makes alone: replay them by ",
               "`millrace dlq replay --object spool: --to DEST`"));
  }
  return absl::OkStatus();
}

absl::Status ReplayAll(const ReplayRequest& request, const ReplayParts& parts, ReplayReport& report,
                       std::stop_token stop) {
  RETURN_IF_ERROR(CheckCanCommit(request, parts));
  struct OfType {
    RecordType type;
    std::unique_ptr<DestinationReplay> replay = nullptr;  // once there is a record
  };
  std::map<std::string, OfType> replays;  // by destination
  for (const RecordType type : TypesOf(request)) {
    replays.emplace(request.destination->LedgerName(type), OfType{type});
  }
  // Records that are rejected again are appended to the file that is being read.
  absl::flat_hash_set<std::string> taken;
  const auto take = [&](const DeadLetterRecord& record, bool replayed) {
    if (!taken.insert(record.id()).second) return absl::OkStatus();
    const auto found = replays.find(record.object.destination);
    std::shared_ptr<const SourceConfig> config = ConfigOf(request, record.object);
    if (found == replays.end() || config == nullptr || config->record_type != found->second.type) {
      ++report.not_ours;
      return absl::OkStatus();
    }
    if (replayed) {
      ++report.replayed_before;
      return absl::OkStatus();
    }
    std::unique_ptr<DestinationReplay>& replay = found->second.replay;
    if (replay == nullptr) {
      if (!request.dry_run) RETURN_IF_ERROR(request.destination->CheckConfig(config->record_type));
      replay =
          std::make_unique<DestinationReplay>(request, parts, config->record_type, report, stop);
    }
    return replay->Add(record, std::move(config));
  };
  DeadLetterFilter filter = request.filter;
  filter.with_replayed = true;
  ASSIGN_OR_RETURN(const DeadLetterScan scan, parts.queue.Scan(filter, take, stop));
  report.damaged = scan.damaged;
  for (const auto& [destination, of_type] : replays) {
    if (of_type.replay != nullptr) RETURN_IF_ERROR(of_type.replay->Flush());
  }
  return absl::OkStatus();
}

}  // namespace

ReplayReport Replay(const ReplayRequest& request, const ReplayParts& parts, std::stop_token stop) {
  const absl::Duration begin = parts.clock.Elapsed();
  ReplayReport report;
  report.status = ReplayAll(request, parts, report, std::move(stop));
  if (!report.status.ok() && report.first_error.empty()) {
    report.first_error = ToStd(report.status.message());
  }
  report.elapsed_s = absl::ToDoubleSeconds(parts.clock.Elapsed() - begin);
  return report;
}

}  // namespace millrace
