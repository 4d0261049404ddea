#include "pipeline/testing/fake_sink.h"

#include <utility>

namespace millrace {

class FakeDestination::FakeSink : public Sink {
 public:
  explicit FakeSink(FakeDestination& destination) : destination_(destination) {}
  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan>, std::stop_token) override {
    return destination_.Write(batch);
  }

 private:
  FakeDestination& destination_;
};

std::unique_ptr<Sink> FakeDestination::NewSink() { return std::make_unique<FakeSink>(*this); }

void FakeDestination::set_script(Script script) {
  absl::MutexLock lock(&mutex_);
  script_ = std::move(script);
}

WriteResult FakeDestination::Write(const Batch& batch) {
  absl::MutexLock lock(&mutex_);
  const uint64_t number = batch_sizes_.size();
  batch_sizes_.push_back(batch.rows());
  switch (script_(number)) {
    case FakeWrite::kDurable:
      return WriteResult::Durable(Accept(batch));
    case FakeWrite::kResponseLost:
      Accept(batch);
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

std::vector<RefusedRow> FakeDestination::Accept(const Batch& batch) {
  std::vector<RefusedRow> refused;
  for (size_t row = 0; row < batch.rows(); ++row) {
    const std::string line(batch.row(row));
    if (line.ends_with("\"is\":\"x\"}")) {
      refused.push_back({.row = row, .field = "is", .message = "x is not accepted"});
    } else {
      ++arrived_[line];
    }
  }
  return refused;
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
