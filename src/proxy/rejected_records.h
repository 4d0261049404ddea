// Where records go that are not written to the log.
#ifndef MILLRACE_PROXY_REJECTED_RECORDS_H_
#define MILLRACE_PROXY_REJECTED_RECORDS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/record_type.h"

namespace millrace::proxy {

struct KeptRejection {
  std::string code;
  std::string field;
  std::string message;
  std::string payload;  // as sent; it may not be UTF-8
};

// Of one request.
struct RejectedBatch {
  RecordType type = RecordType::kEvent;
  absl::Time arrival;
  std::vector<KeptRejection> records;
};

// Thread-safe.
class RejectedRecords {
 public:
  virtual ~RejectedRecords() = default;

  using Done = std::function<void(const absl::Status&)>;
  // Does not block. `done` is called once, from any thread or from Add(): ok if the records are on
  // stable storage, else the request is answered with 503 and the client sends all of it again.
  virtual void Add(RejectedBatch batch, Done done) = 0;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_REJECTED_RECORDS_H_
