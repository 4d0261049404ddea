// Where the records of requests go: the record log, or what stands for it in tests.
#ifndef MILLRACE_PROXY_RECORD_APPENDER_H_
#define MILLRACE_PROXY_RECORD_APPENDER_H_

#include <utility>

#include "record_log/record_log.h"

namespace millrace::proxy {

// Thread-safe.
class RecordAppender {
 public:
  virtual ~RecordAppender() = default;
  // As RecordLog::Append().
  virtual void Append(const Frame& frame, RecordLog::Done done) = 0;
};

class LogAppender final : public RecordAppender {
 public:
  // `log` outlives it.
  explicit LogAppender(RecordLog& log) : log_(log) {}
  void Append(const Frame& frame, RecordLog::Done done) override {
    log_.Append(frame, std::move(done));
  }

 private:
  RecordLog& log_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_RECORD_APPENDER_H_
