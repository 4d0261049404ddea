#include "pipeline/testing/fake_sink.h"

#include <iterator>
#include <utility>

#include "base/status.h"

namespace millrace {
namespace {

bool IsRefused(std::string_view line) { return line.ends_with("\"is\":\"x\"}"); }

RefusedRow Refusal(size_t row) {
  return {.row = row, .field = "is", .message = "x is not accepted"};
}

}  // namespace

class FakeDestination::FakeSink : public Sink {
 public:
  explicit FakeSink(FakeDestination& destination) : destination_(destination) {}
  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token) override {
    return destination_.Write(batch, spans);
  }

 private:
  FakeDestination& destination_;
};

std::unique_ptr<Sink> FakeDestination::NewSink() { return std::make_unique<FakeSink>(*this); }

void FakeDestination::set_script(Script script) {
  absl::MutexLock lock(&mutex_);
  script_ = std::move(script);
}

WriteResult FakeDestination::Write(const Batch& batch, absl::Span<const BatchSpan> spans) {
  absl::MutexLock lock(&mutex_);
  const uint64_t number = batch_sizes_.size();
  batch_sizes_.push_back(batch.rows());
  switch (script_(number)) {
    case FakeWrite::kDurable:
      return Accept(batch, spans);
    case FakeWrite::kResponseLost:
      (void)Accept(batch, spans);
      return WriteResult::Retry(absl::UnavailableError("the reply was lost"));
    case FakeWrite::kThrottled:
      return WriteResult::Retry(absl::ResourceExhaustedError("too many requests"), absl::Seconds(1),
                                /*throttled=*/true);
    case FakeWrite::kRetry:
      return WriteResult::Retry(absl::UnavailableError("no answer"));
    case FakeWrite::kStop:
      return WriteResult::Stop(absl::UnauthenticatedError("wrong credentials"));
    case FakeWrite::kRefusedWhole:
      return WriteResult::RefusedWhole(absl::FailedPreconditionError("project is archived"));
  }
  return WriteResult();
}

WriteResult FakeDestination::Accept(const Batch& batch, absl::Span<const BatchSpan> spans) {
  std::vector<RefusedRow> refused;
  std::vector<size_t> fenced;
  if (keeps_cursor_) {
    for (size_t i = 0; i < spans.size(); ++i) {
      const auto found = delivered_.find(*spans[i].object);
      if (found == delivered_.end() || found->second.writer != *spans[i].writer) {
        fenced.push_back(i);
      } else {
        AcceptSpan(batch, spans[i], found->second, refused);
      }
    }
    return WriteResult::Durable(std::move(refused), std::move(fenced));
  }
  for (size_t row = 0; row < batch.rows(); ++row) {
    if (IsRefused(batch.row(row))) {
      refused.push_back(Refusal(row));
    } else {
      ++arrived_[std::string(batch.row(row))];
    }
  }
  return WriteResult::Durable(std::move(refused));
}

void FakeDestination::AcceptSpan(const Batch& batch, const BatchSpan& span, Delivered& delivered,
                                 std::vector<RefusedRow>& refused) {
  uint64_t settled = span.begin_row;  // source rows before it are
  RowRanges accepted;
  const size_t end = span.first + span.rows;
  for (size_t first = span.first, next = first; first < end; first = next) {
    const uint64_t source_row = batch.source_rows[first];
    bool refuses = false;
    for (; next < end && batch.source_rows[next] == source_row; ++next) {
      refuses = refuses || IsRefused(batch.row(next));
    }
    if (refuses) {
      accepted.Add(settled, source_row);
      settled = source_row + 1;
    }
    for (size_t row = first; row < next; ++row) {
      if (refuses) {
        refused.push_back(Refusal(row));
      } else if (!delivered.rows.Contains(source_row)) {
        ++arrived_[std::string(batch.row(row))];
      }
    }
  }
  accepted.Add(settled, span.end_row);
  for (const auto& [begin, end_row] : accepted) delivered.rows.Add(begin, end_row);
}

absl::StatusOr<RowRanges> FakeDestination::Claim(const LedgerKey& object, const std::string& writer,
                                                 std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  absl::MutexLock lock(&mutex_);
  Delivered& delivered = delivered_[object];
  delivered.writer = writer;
  return delivered.rows;
}

absl::Status FakeDestination::Forget(const LedgerKey& object, std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  absl::MutexLock lock(&mutex_);
  for (auto known = delivered_.begin(); known != delivered_.end();) {
    const LedgerKey& key = known->first;
    const bool same = key.object == object.object && key.version == object.version &&
                      key.destination == object.destination;
    known = same ? delivered_.erase(known) : std::next(known);
  }
  return absl::OkStatus();
}

void FakeDestination::Release(const LedgerKey& object, const std::string& writer, bool delivered) {
  absl::MutexLock lock(&mutex_);
  releases_.push_back(object.object + (delivered ? " delivered" : ""));
  const auto known = delivered_.find(object);
  if (!forgets_delivered_ || !delivered || known == delivered_.end()) return;
  if (known->second.writer == writer) delivered_.erase(known);
}

std::vector<std::string> FakeDestination::Releases() const {
  absl::MutexLock lock(&mutex_);
  return releases_;
}

std::map<std::string, int> FakeDestination::Arrived() const {
  absl::MutexLock lock(&mutex_);
  return arrived_;
}

std::vector<size_t> FakeDestination::BatchSizes() const {
  absl::MutexLock lock(&mutex_);
  return batch_sizes_;
}

}  // namespace millrace
