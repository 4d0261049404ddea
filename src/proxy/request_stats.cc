#include "proxy/request_stats.h"

#include <algorithm>
#include <utility>

namespace millrace::proxy {
namespace {

class CountedResponse final : public PendingResponse {
 public:
  CountedResponse(std::shared_ptr<PendingResponse> pending, std::shared_ptr<RequestStats> stats,
                  Route route, int otherwise)
      : pending_(std::move(pending)), stats_(std::move(stats)), route_(route), status_(otherwise) {}
  ~CountedResponse() override { stats_->Count(route_, status_); }

  void Send(ServerResponse reply) override {
    status_ = reply.status;
    pending_->Send(std::move(reply));
  }

 private:
  const std::shared_ptr<PendingResponse> pending_;
  const std::shared_ptr<RequestStats> stats_;
  const Route route_;
  std::atomic<int> status_;  // of the handler's own response, unless another one is sent
};

}  // namespace

size_t RequestStats::IndexOf(int status) {
  if (status == 200) return 0;
  const auto found = std::lower_bound(kStatuses.begin(), kStatuses.end(), status);
  if (found != kStatuses.end() && *found == status) return found - kStatuses.begin();
  const int last = std::clamp(status / 100, 2, 5) * 100 + 99;
  return std::lower_bound(kStatuses.begin(), kStatuses.end(), last) - kStatuses.begin();
}

void RequestStats::CountLater(std::shared_ptr<RequestStats> stats, Route route,
                              ServerResponse* reply) {
  reply->later = [stats = std::move(stats), route, status = reply->status,
                  later = std::move(reply->later)](std::shared_ptr<PendingResponse> pending) {
    later(std::make_shared<CountedResponse>(std::move(pending), stats, route, status));
  };
}

}  // namespace millrace::proxy
