// Mixpanel as a destination.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_DESTINATION_H_
#define MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_DESTINATION_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "connectors/mixpanel/credentials.h"
#include "connectors/mixpanel/mixpanel_sink.h"
#include "connectors/mixpanel/rate_limiter.h"
#include "io/gzip_encoder.h"
#include "pipeline/destination.h"

namespace millrace::mixpanel {

struct DestinationOptions {
  Endpoints endpoints;
  Credentials credentials;
  std::string project_id;
  // Each record goes to the project of the token that it carries; `credentials` and `project_id`
  // are empty.
  bool tokens_of_records = false;
  double events_per_second = 30'000;   // 0: no limit
  double bytes_per_second = 2e9 / 60;  // uncompressed; 0: no limit
  size_t batch_events = 2000;
  size_t batch_bytes = 9'600'000;
  // Compression of request bodies; nullopt: none.
  std::optional<GzipEffort> gzip = GzipEffort::kFast;
  // Sends uncompressed bodies if the destination is so near that compression takes longer. Not for
  // runs with a rate limit, which wait in any case.
  bool adapt_compression = false;
  absl::Duration stop_grace = absl::Seconds(10);  // for requests in flight at a stop
  size_t queries_per_hour = 60;                   // exports, to read events back; 0: no limit
};

// LedgerKey::destination: host, project and record type, no secret. Without a project id, the
// credential that Mixpanel authenticates the requests by identifies the project; only its hash is
// in the name.
std::string LedgerName(const DestinationOptions& options, RecordType type);

// A repeat is harmless for events, which carry an $insert_id; see mixpanel_sink.h for profiles. All
// sinks share the rate limits.
class MixpanelDestination : public Destination {
 public:
  explicit MixpanelDestination(DestinationOptions options);

  const std::string& label() const override { return label_; }
  std::string LedgerName(RecordType type) const override;
  bool knows_ledger_name() const override {
    return !options_.project_id.empty() || options_.tokens_of_records ||
           (!options_.credentials.empty() && !options_.credentials.has_service_account());
  }
  RecordRules rules() const override {
    RecordRules rules = RecordRules::Mixpanel();
    rules.has_one_token = !options_.tokens_of_records;
    return rules;
  }
  SendLimits limits() const override {
    return {options_.events_per_second, options_.bytes_per_second, options_.batch_events,
            options_.batch_bytes};
  }
  absl::Status CheckConfig(RecordType type) const override;
  std::unique_ptr<Sink> NewSink(RecordType type) override;
  absl::StatusOr<std::unique_ptr<EventReader>> NewEventReader() override;

  // Mixpanel has nothing to create or drop.
  std::vector<AccessCheck> Check(std::stop_token stop) override;
  absl::Status Create(std::stop_token stop) override;
  absl::Status Drop(std::stop_token stop) override;
  std::vector<std::string> DropNames() const override { return {}; }

 private:
  const DestinationOptions options_;
  const std::string label_;  // "mixpanel", or "mixpanel:" and the project id
  RateLimiter rate_limiter_;
  std::array<ImportTarget, std::size(kAllRecordTypes)> targets_;  // by record type
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_DESTINATION_H_
