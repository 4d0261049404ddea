// Where the records of requests go: the record log, or what stands for it in tests.
#ifndef MILLRACE_PROXY_RECORD_APPENDER_H_
#define MILLRACE_PROXY_RECORD_APPENDER_H_

#include <memory>
#include <utility>

#include "absl/types/span.h"
#include "record_log/record_log.h"
#include "spool/confirmations.h"

namespace millrace::proxy {

// Thread-safe.
class RecordAppender {
 public:
  virtual ~RecordAppender() = default;
  // As RecordLog::Append(); there are some.
  virtual void Append(absl::Span<const Frame> frames, RecordLog::Done done) = 0;
};

class LogAppender final : public RecordAppender {
 public:
  // `log` outlives it.
  explicit LogAppender(RecordLog& log) : log_(log) {}
  void Append(absl::Span<const Frame> frames, RecordLog::Done done) override {
    log_.Append(frames, std::move(done));
  }

 private:
  RecordLog& log_;
};

// Done once every destination has the records.
class ConfirmedAppender final : public RecordAppender {
 public:
  // Both outlive it and what it appended.
  ConfirmedAppender(RecordLog& log, Confirmations& confirmations)
      : log_(log), confirmations_(confirmations) {}
  void Append(absl::Span<const Frame> frames, RecordLog::Done done) override {
    const auto place = std::make_shared<FramePlace>();
    const auto appended = [&confirmations = confirmations_, type = frames[0].type, place,
                           done = std::move(done)](const absl::Status& status) {
      if (!status.ok()) return done(status);
      confirmations.Await(type, *place, done);
    };
    log_.Append(frames, appended, place.get());
  }

 private:
  RecordLog& log_;
  Confirmations& confirmations_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_RECORD_APPENDER_H_
