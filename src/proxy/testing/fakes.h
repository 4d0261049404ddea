// What the public handler writes to, and who waits for its responses, in tests.
#ifndef MILLRACE_PROXY_TESTING_FAKES_H_
#define MILLRACE_PROXY_TESTING_FAKES_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_server.h"
#include "proxy/record_appender.h"
#include "proxy/rejected_records.h"

namespace millrace::proxy {

using TestHeaders = std::map<std::string, std::string, std::less<>>;

// A request without a body. `target` is a path, with or without a query; both arguments outlive it.
inline ServerRequest TestRequest(std::string_view method, std::string_view target,
                                 const TestHeaders& headers) {
  ServerRequest request;
  request.method = method;
  request.path = target.substr(0, target.find('?'));
  if (request.path.size() < target.size()) request.query = target.substr(request.path.size() + 1);
  request.header = [&headers](std::string_view name) -> std::string_view {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  };
  return request;
}

// Keeps frames in memory, with RecordLog's contract: `frames` are copied, one `done` for all.
class FakeAppender final : public RecordAppender {
 public:
  struct Kept {
    RecordType type;
    uint32_t count;
    std::string records;
  };

  void Append(absl::Span<const Frame> appended, RecordLog::Done done) override {
    for (const Frame& frame : appended) {
      if (status.ok()) frames.push_back({frame.type, frame.count, std::string(frame.records)});
    }
    if (holds) {
      waiting.push_back(std::move(done));
    } else {
      done(status);
    }
  }
  void Release(const absl::Status& outcome = absl::OkStatus()) {
    std::deque<RecordLog::Done> all;
    all.swap(waiting);
    for (const RecordLog::Done& done : all) done(outcome);
  }
  std::string all() const {
    std::string text;
    for (const Kept& frame : frames) text += frame.records;
    return text;
  }

  std::vector<Kept> frames;
  absl::Status status;  // of later frames
  bool holds = false;   // acknowledges at Release()
  std::deque<RecordLog::Done> waiting;
};

class FakeRejectedRecords final : public RejectedRecords {
 public:
  void Add(RejectedBatch batch, Done done) override {
    for (KeptRejection& record : batch.records) records.push_back(std::move(record));
    if (holds) {
      waiting.push_back(std::move(done));
    } else {
      done(status);
    }
  }

  std::vector<KeptRejection> records;
  absl::Status status;
  bool holds = false;
  std::deque<Done> waiting;
};

// Where a response arrives that is sent later; without one, `fallback` does.
class FakePendingResponse final : public PendingResponse {
 public:
  FakePendingResponse(ServerResponse fallback, std::vector<ServerResponse>* sent)
      : fallback_(std::move(fallback)), sent_(sent) {}
  ~FakePendingResponse() override { Send(std::move(fallback_)); }
  void Send(ServerResponse reply) override {
    if (!std::exchange(is_sent_, true)) sent_->push_back(std::move(reply));
  }

 private:
  ServerResponse fallback_;
  std::vector<ServerResponse>* const sent_;
  bool is_sent_ = false;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_TESTING_FAKES_H_
