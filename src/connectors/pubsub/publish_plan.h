// Which rows of one batch must still be published, in which order, and which were refused. Lets
// requests be in flight at the same time, and a partly published batch be resumed. Pure.
#ifndef MILLRACE_CONNECTORS_PUBSUB_PUBLISH_PLAN_H_
#define MILLRACE_CONNECTORS_PUBSUB_PUBLISH_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/batch.h"
#include "pipeline/batch_identity.h"
#include "pipeline/sink.h"

namespace millrace::pubsub {

// A row of the batch, with its share of a request.
struct SizedRow {
  size_t row = 0;
  uint32_t messages = 1;
  uint32_t bytes = 0;
};

// Rows that are published in this order, one request at a time.
using Lane = std::vector<SizedRow>;

// One batch at a time.
//
// The service refuses a whole request because of one message, and does not say which. So a request
// that was refused is halved until the bad rows are found, in order, with at most
// kMaxSearchRequests more requests per batch; then what is left is sent without being halved, and
// a request that is refused is refused with all its rows. If everything is refused with the same
// message, the whole batch is (refused_whole()). To find out, some requests are reserved for the
// last rows of each lane until the service has distinguished rows.
class PublishPlan {
 public:
  static constexpr int kMaxSearchRequests = 1000;
  // Halves a request of 1000 rows until its last row is sent alone.
  static constexpr int kLastRowRequests = 20;

  struct Limits {
    size_t messages = 1000;
    size_t bytes = 1'000'000;  // a row that is larger has a request of its own
  };

  explicit PublishPlan(Limits limits) : limits_(limits) {}

  // Resumes `batch` if it is the one that was set aside, whose lanes these were; else begins it.
  void Begin(const Batch& batch, std::vector<Lane> lanes);
  // Remembers the progress of `batch` for the next Begin(). No request is in flight.
  void PutAside(const Batch& batch);

  // Rows of a lane, to be sent now; they are valid until the batch is finished.
  struct Request {
    size_t lane = 0;
    size_t begin = 0;  // in the lane
    absl::Span<const SizedRow> rows;
  };
  // The next request of a lane that has none in flight; then it has. Nullopt if there is none.
  std::optional<Request> Next();
  // Its rows are durable.
  void Published(const Request& request);
  // It was refused with the message `words`.
  void Refused(const Request& request, std::string_view words);
  // Its outcome is unknown; it is sent again when the batch is resumed.
  void Failed(const Request& request) { lanes_[request.lane].in_flight = false; }

  // Everything was sent, and the service has refused it with the same message: call Finish() and
  // use words().
  bool refused_whole() const;
  const std::string& words() const { return words_; }
  // The refused rows, ascending; forgets the batch.
  std::vector<RefusedRow> Finish();

 private:
  struct LaneState {
    Lane rows;
    std::deque<RowRange> open;  // ranges of `rows`, ascending
    bool in_flight = false;     // of the front of `open`
  };

  // Removes the rows of the request, the front of its lane.
  LaneState& Take(const Request& request);
  bool finished() const;

  const Limits limits_;
  std::vector<LaneState> lanes_;
  size_t next_lane_ = 0;
  std::vector<RefusedRow> refused_;
  int search_requests_left_ = 0;
  int refusals_ = 0;
  std::string words_;        // of the first refusal
  bool told_apart_ = false;  // a row was accepted, or the words differ
  std::optional<BatchIdentity> aside_;
};

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_PUBLISH_PLAN_H_
