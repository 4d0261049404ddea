#include "sandbox/stats.h"

#include <algorithm>

namespace millrace::sandbox {
namespace {

constexpr size_t kKept = 500;
constexpr size_t kMaxRecordBytes = 8 << 10;

}  // namespace

void RejectedRecords::Add(RejectedRecord record) {
  if (record.record.size() > kMaxRecordBytes) record.record.resize(kMaxRecordBytes);
  record.record.shrink_to_fit();
  absl::MutexLock lock(&mutex_);
  record.id = ++last_id_;
  records_.push_back(std::move(record));
  if (records_.size() > kKept) records_.pop_front();
}

std::vector<RejectedRecord> RejectedRecords::After(uint64_t after, size_t max) {
  absl::MutexLock lock(&mutex_);
  auto begin = records_.end();
  while (begin != records_.begin() && max > 0 && std::prev(begin)->id > after) {
    --begin;
    --max;
  }
  return {begin, records_.end()};
}

uint64_t RejectedRecords::last_id() {
  absl::MutexLock lock(&mutex_);
  return last_id_;
}

void RejectedRecords::Clear() {
  absl::MutexLock lock(&mutex_);
  records_.clear();
}

void Stats::Reset() {
  for (std::atomic<uint64_t>* counter :
       {&requests, &received, &rejected, &bytes, &bytes_plain, &profile_updates,
        &profile_updates_rejected, &exports, &queries, &queries_limited}) {
    *counter = 0;
  }
  rejected_records.Clear();
}

}  // namespace millrace::sandbox
