#include "import/mixpanel_target.h"

namespace millrace {
namespace {

mixpanel::ImportTarget::Kind KindOf(RecordType type) {
  switch (type) {
    case RecordType::kEvent:
      return mixpanel::ImportTarget::Kind::kEvents;
    case RecordType::kUser:
      return mixpanel::ImportTarget::Kind::kUsers;
    case RecordType::kGroup:
      return mixpanel::ImportTarget::Kind::kGroups;
  }
  return mixpanel::ImportTarget::Kind::kEvents;
}

}  // namespace

void SetTarget(const ImportRequest& request, RecordType type, mixpanel::RateLimiter& rate_limiter,
               mixpanel::ImportTarget& target) {
  target.endpoints = request.endpoints;
  target.credentials = request.credentials;
  target.project_id = request.project_id;
  target.kind = KindOf(type);
  target.batch_events = request.batch_events;
  target.batch_bytes = request.batch_bytes;
  target.bytes_limit = request.batch_bytes;
  target.gzip = request.gzip;
  target.adapts_compression =
      request.adapt_compression && request.events_per_second == 0 && request.bytes_per_second == 0;
  target.rate_limiter = &rate_limiter;
  target.stop_grace = request.stop_grace;
}

SinkFactory MixpanelSinks(mixpanel::ImportTarget& target) {
  return [&target] { return mixpanel::NewMixpanelSink(target, NewCurlHttpClient()); };
}

}  // namespace millrace
