#include "connectors/pubsub/pubsub_dead_letter_queue.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/delayed_stop.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "pipeline/dead_letter_record.h"

namespace millrace::pubsub {
namespace {

// Of one object's records in memory.
constexpr size_t kMaxWaitingBytes = 4 << 20;
// The maximum data of a message, with room for its attributes.
constexpr size_t kMaxDataBytes = 9'000'000;

// A value that fits an attribute: the beginning of `text`, or a placeholder if it is not text.
std::string AttributeValue(std::string_view text) {
  const std::string_view begin = CutUtf8(text, kMaxAttributeValueBytes);
  return IsWellFormedUtf8(begin) ? std::string(begin) : "(not UTF-8)";
}

// The unpublished records of one object. Its lock is held while they are published, so that Sync()
// in one thread waits for records that another thread has taken.
class Waiting {
 public:
  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections, absl::Time now,
                   Publisher& publisher, std::stop_token stop) {
    absl::MutexLock lock(&mutex_);
    for (const Rejection& rejection : rejections) {
      Message message = DeadLetterMessage(object, rejection, now);
      bytes_ += WireBytes(message);
      messages_.push_back(std::move(message));
      rows_.push_back(rejection.source_row);
      if (bytes_ >= kMaxWaitingBytes) RETURN_IF_ERROR(Publish(publisher, stop));
    }
    return absl::OkStatus();
  }

  absl::Status Sync(Publisher& publisher, std::stop_token stop) {
    absl::MutexLock lock(&mutex_);
    return Publish(publisher, std::move(stop));
  }

  bool empty() {
    absl::MutexLock lock(&mutex_);
    return messages_.empty();
  }

  void Drop(uint64_t begin, uint64_t end) {
    absl::MutexLock lock(&mutex_);
    std::vector<Message> messages;
    std::vector<uint64_t> rows;
    bytes_ = 0;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i] >= begin && rows_[i] < end) continue;
      bytes_ += WireBytes(messages_[i]);
      messages.push_back(std::move(messages_[i]));
      rows.push_back(rows_[i]);
    }
    messages_.swap(messages);
    rows_.swap(rows);
  }

 private:
  // Records that fail are kept; the next call publishes them.
  absl::Status Publish(Publisher& publisher, std::stop_token stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (messages_.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(publisher.Publish(messages_, std::move(stop)));
    messages_.clear();
    rows_.clear();
    bytes_ = 0;
    return absl::OkStatus();
  }

  absl::Mutex mutex_;
  std::vector<Message> messages_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> rows_ ABSL_GUARDED_BY(mutex_);  // of messages_
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

class PubsubDeadLetterQueue : public DeadLetterQueue {
 public:
  PubsubDeadLetterQueue(Publisher& publisher, std::stop_token stop, absl::Duration stop_grace,
                        Clock& clock)
      : publisher_(publisher), late_(std::move(stop), stop_grace), clock_(clock) {}

  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override {
    if (rejections.empty()) return absl::OkStatus();
    return Context(
        WaitingOf(object)->Add(object, rejections, clock_.Now(), publisher_, late_.token()));
  }

  absl::Status Sync(const LedgerKey& object) override {
    const std::shared_ptr<Waiting> waiting = Find(object);
    if (waiting == nullptr) return absl::OkStatus();
    RETURN_IF_ERROR(Context(waiting->Sync(publisher_, late_.token())));
    Forget(object, waiting);
    return absl::OkStatus();
  }

  absl::Status RemoveRows(const LedgerKey& object, uint64_t begin, uint64_t end) override {
    if (const std::shared_ptr<Waiting> waiting = Find(object)) waiting->Drop(begin, end);
    return absl::OkStatus();
  }

 private:
  static absl::Status Context(const absl::Status& status) {
    return Annotate(status, "storing rejected records");
  }

  std::shared_ptr<Waiting> WaitingOf(const LedgerKey& object) {
    absl::MutexLock lock(&mutex_);
    std::shared_ptr<Waiting>& waiting = waiting_[object];
    if (waiting == nullptr) waiting = std::make_shared<Waiting>();
    return waiting;
  }

  std::shared_ptr<Waiting> Find(const LedgerKey& object) {
    absl::MutexLock lock(&mutex_);
    const auto found = waiting_.find(object);
    return found == waiting_.end() ? nullptr : found->second;
  }

  // An object that no other thread uses and that has nothing left to publish is removed.
  void Forget(const LedgerKey& object, const std::shared_ptr<Waiting>& waiting) {
    absl::MutexLock lock(&mutex_);
    constexpr int kMineAndTheMaps = 2;
    if (waiting.use_count() == kMineAndTheMaps && waiting->empty()) waiting_.erase(object);
  }

  Publisher& publisher_;
  const DelayedStop late_;
  Clock& clock_;
  absl::Mutex mutex_;
  std::map<LedgerKey, std::shared_ptr<Waiting>> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

Message DeadLetterMessage(const LedgerKey& object, const Rejection& rejection, absl::Time time) {
  Message message;
  ByteBuffer line;
  for (size_t max = kMaxPayloadBytes;; max /= 2) {
    line.clear();
    AppendDeadLetter(line, object, rejection, time, max);
    if (line.size() <= kMaxDataBytes) break;
  }
  message.data = line.view().substr(0, line.size() - 1);
  const DeadLetterRecord record{.object = object,
                                .rejection = {.source_row = rejection.source_row}};
  message.attributes = {{"record_id", record.id()},
                        {"reason", AttributeValue(rejection.code)},
                        {"source", AttributeValue(object.object)},
                        {"version", AttributeValue(object.version)},
                        {"row", StrCat(rejection.source_row + 1)},
                        {"config", AttributeValue(object.config)},
                        {"destination", AttributeValue(object.destination)}};
  return message;
}

std::unique_ptr<DeadLetterQueue> NewPubsubDeadLetterQueue(Publisher& publisher,
                                                          std::stop_token stop,
                                                          absl::Duration stop_grace, Clock& clock) {
  return std::make_unique<PubsubDeadLetterQueue>(publisher, std::move(stop), stop_grace, clock);
}

}  // namespace millrace::pubsub
