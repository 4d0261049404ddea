// A destination that counts what it accepts, and can be closed.
#ifndef MILLRACE_WATCH_TESTING_RECEIVER_H_
#define MILLRACE_WATCH_TESTING_RECEIVER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "pipeline/testing/plain_destination.h"
#include "watch/watch.h"
#include "watch/watch_progress.h"

namespace millrace::watch {

class Receiver {
 public:
  enum class State { kOpen, kClosed, kRefusing };

  explicit Receiver(const std::string& label = "receiver")
      : destination_([this] { return std::make_unique<CountingSink>(*this); }, label) {
    destination_.record_rules = RecordRules::Mixpanel();
  }

  // Closed: writes must be tried again. Refusing: the credentials are wrong.
  void set_state(State state) { state_ = state; }
  uint64_t events() const { return events_; }  // accepted
  uint64_t writes() const { return writes_; }  // accepted
  uint64_t turned_away() const { return turned_away_; }
  Destination& destination() { return destination_; }

 private:
  class CountingSink : public Sink {
   public:
    explicit CountingSink(Receiver& receiver) : receiver_(receiver) {}
    WriteResult Write(const Batch& batch, absl::Span<const BatchSpan>, std::stop_token) override {
      if (receiver_.state_ == State::kOpen) {
        ++receiver_.writes_;
        receiver_.events_ += batch.rows();
        return WriteResult::Durable();
      }
      ++receiver_.turned_away_;
      return receiver_.state_ == State::kClosed
                 ? WriteResult::Retry(absl::UnavailableError("closed"))
                 : WriteResult::Stop(absl::UnauthenticatedError("wrong credentials"));
    }

   private:
    Receiver& receiver_;
  };

  PlainDestination destination_;
  std::atomic<State> state_{State::kOpen};
  std::atomic<uint64_t> events_{0};
  std::atomic<uint64_t> writes_{0};
  std::atomic<uint64_t> turned_away_{0};
};

// Makes `receivers` the destinations of `request`; returns the progress for that many.
inline std::unique_ptr<WatchProgress> SendTo(const std::vector<Receiver*>& receivers,
                                             WatchRequest& request) {
  request.destinations.clear();
  auto progress = std::make_unique<WatchProgress>(receivers.size());
  for (size_t i = 0; i < receivers.size(); ++i) {
    request.destinations.push_back(&receivers[i]->destination());
    progress->imports[i].destination = receivers[i]->destination().label();
  }
  return progress;
}

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_TESTING_RECEIVER_H_
