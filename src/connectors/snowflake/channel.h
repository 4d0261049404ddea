// What this process knows of a channel: the rows of one object, in order.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_CHANNEL_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_CHANNEL_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/row_ranges.h"
#include "connectors/snowflake/offset_token.h"
#include "connectors/snowflake/pipe_client.h"

namespace millrace::snowflake {

// Thread-safe. Whoever opens the channel or appends to it holds `turn`.
class Channel {
 public:
  // `object`: its URI, for messages.
  Channel(std::string channel_name, std::string object_uri)
      : name(std::move(channel_name)), object(std::move(object_uri)) {}

  const std::string name;
  const std::string object;

  absl::Mutex turn;
  std::string writer ABSL_GUARDED_BY(turn);  // empty: the object was forgotten
  std::string continuation ABSL_GUARDED_BY(turn);
  // Source rows that were appended, or refused before that; and those that were refused.
  RowRanges settled ABSL_GUARDED_BY(turn);
  RowRanges refused ABSL_GUARDED_BY(turn);
  absl::Duration next_append ABSL_GUARDED_BY(turn);  // the earliest time, by Clock::Elapsed()

  // It has to be opened before the next append: it is not known what the last one did.
  std::atomic<bool> must_reopen{true};

  // It was opened, and `rows` are all that it has of `config`, a ShortHash(). Appends from now on
  // are of a new epoch.
  void Begin(std::string config, RowRanges rows);
  uint64_t epoch() const;
  RowRanges committed() const;
  std::string config() const;

  // The rows of a token that was committed since are there, if it is of the same config.
  void AddCommitted(const OffsetToken& token);
  // Rows of this epoch are lost unless they are committed. `why` is Unavailable: append them again;
  // Aborted: the object was forgotten; otherwise somebody has to fix something.
  void Invalidate(absl::Status why);
  // Some of the rows that count as committed are not stored. Nothing more is known of which.
  void Fail(absl::Status why);

  // Of `rows`, which were appended in `epoch`: whether they are committed, or why they will not be.
  absl::StatusOr<bool> AreCommitted(const RowRanges& rows, uint64_t epoch) const;

 private:
  mutable absl::Mutex mutex_;
  std::string config_ ABSL_GUARDED_BY(mutex_);
  RowRanges committed_ ABSL_GUARDED_BY(mutex_);
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status invalid_ ABSL_GUARDED_BY(mutex_);
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_CHANNEL_H_
