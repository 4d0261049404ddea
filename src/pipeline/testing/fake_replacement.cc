#include "pipeline/testing/fake_replacement.h"

#include <utility>

#include "base/status.h"

namespace millrace {

// One process. Its sinks write into what is collected now, whoever has claimed that: a writer that
// has lost the claim is fenced there.
class FakeReplacedDestination::FakeReplacement : public Replacement {
 public:
  explicit FakeReplacement(FakeReplacedDestination& destination) : destination_(destination) {}

  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    RETURN_IF_ERROR(destination_.Begin({object, writer}));
    return RowRanges();
  }
  absl::Status Forget(const LedgerKey&, std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    destination_.Remove();
    return absl::OkStatus();
  }
  absl::Status Publish(const LedgerKey& object, const std::string& writer,
                       std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    return destination_.TryToPublish({object, writer});
  }
  std::unique_ptr<Sink> NewSink() override {
    class CollectingSink : public Sink {
     public:
      explicit CollectingSink(FakeReplacedDestination& destination) : destination_(destination) {}
      WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                        std::stop_token stop) override {
        const std::shared_ptr<FakeDestination> collected = destination_.collected();
        if (collected != nullptr) return collected->NewSink()->Write(batch, spans, std::move(stop));
        std::vector<size_t> all;
        for (size_t i = 0; i < spans.size(); ++i) all.push_back(i);
        return WriteResult::Durable({}, std::move(all));
      }

     private:
      FakeReplacedDestination& destination_;
    };
    return std::make_unique<CollectingSink>(destination_);
  }

 private:
  FakeReplacedDestination& destination_;
};

std::unique_ptr<Replacement> FakeReplacedDestination::NewReplacement() {
  return std::make_unique<FakeReplacement>(*this);
}

void FakeReplacedDestination::set_write_script(FakeDestination::Script script) {
  absl::MutexLock lock(&write_mutex_);
  write_script_ = std::move(script);
}

void FakeReplacedDestination::set_publish_script(PublishScript script) {
  absl::MutexLock lock(&mutex_);
  publish_script_ = std::move(script);
}

absl::Status FakeReplacedDestination::Begin(const Claimed& claim) {
  auto collected = std::make_shared<FakeDestination>([this](uint64_t) {
    absl::MutexLock lock(&write_mutex_);
    return write_script_(writes_++);
  });
  collected->KeepCursor();
  RETURN_IF_ERROR(collected->cursor()->Claim(claim.object, claim.writer, {}).status());
  absl::MutexLock lock(&mutex_);
  claim_ = claim;
  collected_ = std::move(collected);
  return absl::OkStatus();
}

void FakeReplacedDestination::Remove() {
  absl::MutexLock lock(&mutex_);
  claim_ = {};
  collected_ = nullptr;
}

std::shared_ptr<FakeDestination> FakeReplacedDestination::collected() const {
  absl::MutexLock lock(&mutex_);
  return collected_;
}

absl::Status FakeReplacedDestination::TryToPublish(const Claimed& claim) {
  absl::MutexLock lock(&mutex_);
  switch (publish_script_(publish_calls_++)) {
    case FakePublish::kDone:
      RETURN_IF_ERROR(PublishLocked(claim));
      claim_ = {};
      collected_ = nullptr;
      return absl::OkStatus();
    case FakePublish::kResponseLost:
      RETURN_IF_ERROR(PublishLocked(claim));
      return absl::UnavailableError("the response was lost");
    case FakePublish::kLate:
      late_.push_back(claim);
      return absl::UnavailableError("no answer yet");
    case FakePublish::kNoAnswer:
      return absl::UnavailableError("no answer");
    case FakePublish::kStop:
      return absl::PermissionDeniedError("no DELETE");
  }
  return absl::InternalError("no outcome");
}

absl::Status FakeReplacedDestination::PublishLocked(const Claimed& claim) {
  if (collected_ == nullptr || claim != claim_) {
    return absl::AbortedError("another writer has claimed the object");
  }
  visible_.push_back(collected_->Arrived());
  return absl::OkStatus();
}

void FakeReplacedDestination::DeliverLate() {
  absl::MutexLock lock(&mutex_);
  for (const Claimed& claim : std::exchange(late_, {})) PublishLocked(claim).IgnoreError();
}

std::map<std::string, int> FakeReplacedDestination::Visible() const {
  absl::MutexLock lock(&mutex_);
  return visible_.back();
}

std::vector<std::map<std::string, int>> FakeReplacedDestination::EverVisible() const {
  absl::MutexLock lock(&mutex_);
  return visible_;
}

std::map<std::string, int> FakeReplacedDestination::Collected() const {
  const std::shared_ptr<FakeDestination> now = collected();
  return now == nullptr ? std::map<std::string, int>() : now->Arrived();
}

}  // namespace millrace
