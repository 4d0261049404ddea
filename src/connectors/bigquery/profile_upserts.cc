#include "connectors/bigquery/profile_upserts.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/pluralize.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/default_stream_sink.h"
#include "connectors/bigquery/query.h"
#include "connectors/bigquery/table_schema.h"

namespace millrace::bigquery {
namespace {

std::string Explained(std::string_view what) {
  return StrCat(what,
                "; queries need roles/bigquery.jobUser on the project and "
                "roles/bigquery.dataEditor on the dataset");
}

class ProfileUpserts final : public Replacement {
 public:
  explicit ProfileUpserts(const UpsertParts& parts)
      : parts_(parts),
        keys_(KeyColumns(parts.form.record_type())),
        deletions_(NewChangeSink(ChangeType::kDelete)) {
    for (const std::string& key : keys_) StrAppend(&key_list_, key_list_.empty() ? "" : ", ", key);
  }

  absl::StatusOr<RowRanges> Claim(const LedgerKey&, const std::string& writer,
                                  std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    parts_.table.Reset();
    RETURN_IF_ERROR(parts_.table.Ensure(stop));
    ASSIGN_OR_RETURN(const absl::Time newest, FindNewest(stop));
    // Also if the clock was set back since the last snapshot.
    const absl::Time at = std::max(parts_.clock.Now(), newest + absl::Microseconds(1));
    ASSIGN_OR_RETURN(const absl::Time version, parts_.target.TakeVersion(at, stop));
    absl::MutexLock lock(&mutex_);
    writer_ = writer;
    version_ = version;
    return RowRanges();
  }

  // What was written stays, with an earlier version than the next snapshot.
  absl::Status Forget(const LedgerKey&, std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    absl::MutexLock lock(&mutex_);
    writer_.clear();
    return absl::OkStatus();
  }

  std::unique_ptr<Sink> NewSink() override;

  absl::Status Publish(const LedgerKey&, const std::string& writer, std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    if (!IsHeldBy(writer)) return absl::AbortedError("another worker has the snapshot");
    uint64_t deleted = 0;
    RETURN_IF_ERROR(
        Query(StrCat("SELECT ", key_list_, " FROM `", parts_.target.name(),
                     "` WHERE insert_time < TIMESTAMP_MICROS(", absl::ToUnixMicros(version()), ")"),
              keys_.size(), stop, [&](const std::vector<QueryRow>& rows) {
                deleted += rows.size();
                return Delete(rows, stop);
              }));
    if (deleted > 0) {
      Log(Severity::kInfo, "deleted profiles that are no longer there",
          {{"table", parts_.target.name()}, {"profiles", StrCat(deleted)}});
    }
    return CheckVersion(stop);
  }

  bool IsHeldBy(const std::string& writer) {
    absl::MutexLock lock(&mutex_);
    return !writer.empty() && writer == writer_;
  }

 private:
  absl::Time version() {
    absl::MutexLock lock(&mutex_);
    return version_;
  }

  std::unique_ptr<Sink> NewChangeSink(ChangeType change) {
    return NewDefaultStreamSink({.form = parts_.form,
                                 .connection = parts_.connection,
                                 .streams = parts_.streams,
                                 .table = parts_.table,
                                 .traffic = parts_.traffic,
                                 .clock = parts_.clock,
                                 .version = [this] { return version(); },
                                 .change = change});
  }

  absl::Status Query(const std::string& sql, size_t columns, const std::stop_token& stop,
                     const std::function<absl::Status(const std::vector<QueryRow>&)>& on_page) {
    const absl::Status status =
        Annotate(RunQuery(parts_.rest, parts_.spec.project, sql, columns, on_page, stop),
                 StrCat("querying ", parts_.target.name()));
    if (!absl::IsPermissionDenied(status)) return status;
    return absl::PermissionDeniedError(Explained(ToStd(status.message())));
  }

  // Aborted: another run has claimed the table meanwhile. FailedPrecondition: it is another table.
  absl::Status CheckVersion(const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const absl::Time last, parts_.target.LastVersion(stop));
    if (last == version()) return absl::OkStatus();
    if (last > version()) return absl::AbortedError("another run has begun a snapshot");
    return absl::FailedPreconditionError(
        StrCat(parts_.target.name(), " was deleted and created while the snapshot was written"));
  }

  // The latest version in the table. FailedPrecondition: it has rows that are no snapshot.
  absl::StatusOr<absl::Time> FindNewest(const std::stop_token& stop) {
    constexpr char kIsOther[] = "operation IS NULL OR operation != '$set' OR insert_time IS NULL";
    uint64_t repeated = 0, others = 0;
    int64_t newest = 0;
    int rows_read = 0;
    RETURN_IF_ERROR(Query(
        StrCat("SELECT COUNTIF(row_count > 1), COUNTIF(others > 0), MAX(newest) FROM (SELECT ",
               "COUNT(*) AS row_count, COUNTIF(", kIsOther,
               ") AS others, MAX(UNIX_MICROS(insert_time)) AS newest FROM `", parts_.target.name(),
               "` GROUP BY ", key_list_, ")"),
        3, stop, [&](const std::vector<QueryRow>& rows) {
          rows_read += static_cast<int>(rows.size());
          const QueryRow& row = rows.front();
          const bool is_good = row[0] && absl::SimpleAtoi(*row[0], &repeated) && row[1] &&
                               absl::SimpleAtoi(*row[1], &others) &&
                               (!row[2] || absl::SimpleAtoi(*row[2], &newest));
          return is_good ? absl::OkStatus()
                         : absl::UnavailableError("the response is no result of the query");
        }));
    if (rows_read != 1) return absl::UnavailableError("the response is no result of the query");
    if (repeated == 0 && others == 0) return absl::FromUnixMicros(newest);
    return absl::FailedPreconditionError(
        StrCat(parts_.target.name(), " has rows that are no whole profiles: ",
               Pluralize(repeated, "profile"), " with several rows, and ", others,
               " with updates or without insert_time. Others write to it: name a table of its own "
               "for profiles=upsert"));
  }

  // One thread at a time, as Publish() is called.
  absl::Status Delete(const std::vector<QueryRow>& keys, const std::stop_token& stop) {
    const bool is_user = parts_.form.record_type() == RecordType::kUser;
    Batch batch;
    for (const QueryRow& key : keys) {
      batch.bytes.Append('{');
      for (size_t i = 0; i < keys_.size(); ++i) {
        batch.bytes.Append(is_user  ? "\"$distinct_id\":"
                           : i == 0 ? "\"$group_key\":"
                                    : ",\"$group_id\":");
        AppendJsonString(batch.bytes, key[i].value_or(""));
      }
      batch.bytes.Append(R"(,"$delete":""})");
      batch.EndRow(batch.rows());
    }
    const WriteResult result = deletions_->Write(batch, {}, stop);
    if (!result.durable()) {
      return result.retryable() && !stop.stop_requested()
                 ? absl::UnavailableError(result.status().message())
                 : result.status();
    }
    if (result.refused().empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        StrCat("BigQuery does not delete a profile that is no ",
               "longer there: ", result.refused().front().message));
  }

  const UpsertParts parts_;
  const std::vector<std::string> keys_;
  std::string key_list_;  // in SQL
  absl::Mutex mutex_;
  std::string writer_ ABSL_GUARDED_BY(mutex_);  // that has claimed last
  absl::Time version_ ABSL_GUARDED_BY(mutex_);  // of what it writes
  const std::unique_ptr<Sink> deletions_;
};

// Stores nothing for a writer that is not the last one.
class UpsertSink final : public Sink {
 public:
  UpsertSink(ProfileUpserts& upserts, std::unique_ptr<Sink> sink)
      : upserts_(upserts), sink_(std::move(sink)) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override {
    // A run that replaces reads one object.
    const bool is_held = std::all_of(spans.begin(), spans.end(), [&](const BatchSpan& span) {
      return upserts_.IsHeldBy(*span.writer);
    });
    if (is_held) return sink_->Write(batch, spans, std::move(stop));
    std::vector<size_t> all(spans.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    return WriteResult::Durable({}, std::move(all));
  }

 private:
  ProfileUpserts& upserts_;
  const std::unique_ptr<Sink> sink_;
};

std::unique_ptr<Sink> ProfileUpserts::NewSink() {
  return std::make_unique<UpsertSink>(*this, NewChangeSink(ChangeType::kUpsert));
}

class NoAppendSink final : public Sink {
 public:
  WriteResult Write(const Batch&, absl::Span<const BatchSpan>, std::stop_token) override {
    return WriteResult::Stop(absl::FailedPreconditionError(
        "profiles=upsert is for whole profiles, which only `millrace export users` and `export "
        "groups` without --append deliver: an update would erase the properties that it does not "
        "name. Take profiles= out of the DEST, and name another table"));
  }
};

}  // namespace

std::unique_ptr<Replacement> NewProfileUpserts(const UpsertParts& parts) {
  return std::make_unique<ProfileUpserts>(parts);
}

std::unique_ptr<Sink> NewNoAppendSink() { return std::make_unique<NoAppendSink>(); }

}  // namespace millrace::bigquery
