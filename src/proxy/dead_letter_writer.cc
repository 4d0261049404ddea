#include "proxy/dead_letter_writer.h"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace::proxy {

DeadLetterWriter::DeadLetterWriter(Options options, DeadLetterQueue& queue)
    : options_(std::move(options)), queue_(queue), thread_([this] { Work(); }) {
  pthread_setname_np(thread_.native_handle(), "dead-letters");
}

DeadLetterWriter::~DeadLetterWriter() {
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
  }
  thread_.join();
}

void DeadLetterWriter::Add(RejectedBatch batch, Done done) {
  size_t bytes = 0;
  for (const KeptRejection& record : batch.records) {
    bytes += sizeof(record) + record.payload.size() + record.message.size();
  }
  {
    absl::MutexLock lock(&mutex_);
    if (waiting_.empty() || waiting_bytes_ + bytes <= options_.max_waiting_bytes) {
      waiting_bytes_ += bytes;
      waiting_.push_back({std::move(batch), std::move(done), bytes});
      return;
    }
  }
  done(absl::ResourceExhaustedError("too many rejected records wait to be kept"));
}

LedgerKey DeadLetterWriter::ObjectOf(const std::string& spool, RecordType type,
                                     absl::Time arrival) {
  return {.object = StrCat("proxy:", spool, "/",
                           absl::FormatTime("%Y-%m-%d", arrival, absl::UTCTimeZone())),
          .version = "",
          .config = "",
          .destination = std::string(PluralOf(type))};
}

void DeadLetterWriter::Work() {
  for (;;) {
    std::vector<Waiting> all;
    {
      absl::MutexLock lock(&mutex_);
      const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return ends_ || !waiting_.empty();
      };
      mutex_.Await(absl::Condition(&has_work));
      if (waiting_.empty()) return;
      all.swap(waiting_);
    }
    const absl::Status status = Write(all);
    size_t bytes = 0;
    for (const Waiting& waiting : all) {
      waiting.done(status);
      bytes += waiting.bytes;
    }
    absl::MutexLock lock(&mutex_);
    waiting_bytes_ -= bytes;
  }
}

absl::Status DeadLetterWriter::Write(std::vector<Waiting>& all) {
  std::map<LedgerKey, std::vector<Rejection>> objects;
  for (Waiting& waiting : all) {
    const LedgerKey object = ObjectOf(options_.spool, waiting.batch.type, waiting.batch.arrival);
    for (KeptRejection& record : waiting.batch.records) {
      // Records of requests have no place: the time of their arrival numbers them.
      const auto micros = static_cast<uint64_t>(absl::ToUnixMicros(waiting.batch.arrival));
      last_row_ = std::max(last_row_ + 1, micros);
      objects[object].push_back({.source_row = last_row_,
                                 .code = std::move(record.code),
                                 .field = std::move(record.field),
                                 .message = std::move(record.message),
                                 .payload_before = std::move(record.payload)});
    }
  }
  for (const auto& [object, rejections] : objects) {
    RETURN_IF_ERROR(queue_.Add(object, rejections));
  }
  for (const auto& [object, rejections] : objects) RETURN_IF_ERROR(queue_.Sync(object));
  return absl::OkStatus();
}

}  // namespace millrace::proxy
