#include "connectors/snowflake/channel.h"

#include "base/strings.h"

namespace millrace::snowflake {

void Channel::Begin(std::string config, RowRanges rows) {
  absl::MutexLock lock(&mutex_);
  config_ = std::move(config);
  committed_ = std::move(rows);
  ++epoch_;
  invalid_ = failed_ = absl::OkStatus();
}

uint64_t Channel::epoch() const {
  absl::MutexLock lock(&mutex_);
  return epoch_;
}

RowRanges Channel::committed() const {
  absl::MutexLock lock(&mutex_);
  return committed_;
}

std::string Channel::config() const {
  absl::MutexLock lock(&mutex_);
  return config_;
}

void Channel::AddCommitted(const OffsetToken& token) {
  absl::MutexLock lock(&mutex_);
  if (token.config != config_) return;
  for (const auto& [begin, end] : token.rows) committed_.Add(begin, end);
}

void Channel::Invalidate(absl::Status why) {
  must_reopen = true;
  absl::MutexLock lock(&mutex_);
  if (invalid_.ok()) invalid_ = std::move(why);
}

void Channel::Fail(absl::Status why) {
  must_reopen = true;
  absl::MutexLock lock(&mutex_);
  failed_ = std::move(why);
}

absl::StatusOr<bool> Channel::AreCommitted(const RowRanges& rows, uint64_t epoch) const {
  absl::MutexLock lock(&mutex_);
  if (!failed_.ok()) return failed_;
  if (Covers(committed_, rows)) return true;
  if (epoch != epoch_) {
    return absl::UnavailableError(StrCat("channel ", name, " was opened again before rows of ",
                                         object,
                                         " were committed, and Snowflake has discarded them"));
  }
  if (!invalid_.ok()) return invalid_;
  return false;
}

}  // namespace millrace::snowflake
