// Writes batches to Mixpanel: /import (strict) for events, /engage and /groups for profiles.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_SINK_H_
#define MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_SINK_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "connectors/mixpanel/compression_choice.h"
#include "connectors/mixpanel/credentials.h"
#include "connectors/mixpanel/rate_limiter.h"
#include "io/gzip_encoder.h"
#include "net/http_client.h"
#include "pipeline/destination.h"
#include "pipeline/sink.h"

namespace millrace::mixpanel {

// The state that all sinks of a run share. Outlives them. Thread-safe.
struct ImportTarget {
  Endpoints endpoints;
  Credentials credentials;
  std::string project_id;  // with a service account
  // Without credentials: each record goes to the project of the token that it carries.
  bool tokens_of_records = false;
  RecordType type = RecordType::kEvent;
  size_t batch_events = 2000;      // per request
  size_t batch_bytes = 9'600'000;  // uncompressed, per request; checked before appending
  // After a 413 all sinks send at most this many bytes: the limit in the response, else 2 MB, then
  // half of the refused size (never below 64 KiB; smaller requests are split by rows).
  std::atomic<size_t> bytes_limit{9'600'000};
  // Compression of bodies; nullopt: none. Not used for profiles, because /engage does not accept
  // it.
  std::optional<GzipEffort> gzip = GzipEffort::kFast;
  // With `gzip`: bodies are sent uncompressed while `compression` finds that faster.
  bool adapts_compression = false;
  CompressionChoice compression;
  RateLimiter* rate_limiter = nullptr;  // null: no rate limit
  // How long requests may continue after a stop; then the outcome of their events is unknown.
  absl::Duration stop_grace = absl::Seconds(10);
  std::atomic<uint64_t> bytes_plain{0};  // of all tries, uncompressed
  Traffic* traffic = nullptr;            // counts tries, and bytes of bodies on the wire
};

// Outcomes (docs/connectors/mixpanel.md has them with their sources):
//   200 with the right count    Durable
//   400 with failed_records     Durable with those refused, if they and the count add up
//   400 that names no record    the request is halved until the bad events are found and refused
//                               (at most 256 more requests per batch, then the rest is refused);
//                               RefusedWhole if all of the batch is refused with the same message
//   401, 403, 3xx, other 4xx, 501, 505    Stop
//   413                         split and resent; a single event refused (event_too_large)
//   429                         Retry(throttled); 408, other 5xx, no response: Retry
//   200 or 400 that is not Mixpanel's, or a 200 with a count that is not what was sent: Retry
// With `tokens_of_records` a request has consecutive rows of one token. Rows without one are
// refused, and so are those whose token Mixpanel refuses (401, 403): others are not held up by
// them. A stop ends the wait for the rate limiter at once, and a batch that is not complete after
// `stop_grace`. A batch in progress is finished if the destination responds, because its rows would
// be sent again. When some requests of a batch are durable and a later one is not, the next Write()
// of that batch (the same content from the same source rows) sends only the rest.
//
// Profile updates have no $insert_id. One whose response was lost is still sent again: $set,
// $set_once, $union, $unset, $remove and $delete may be repeated, but $add and $append then count
// twice.
std::unique_ptr<Sink> NewMixpanelSink(ImportTarget& target, std::unique_ptr<HttpClient> http,
                                      Clock& clock = Clock::Real());

// Errors that are known before anything is sent: a credential or the project id is missing.
absl::Status CheckTarget(const ImportTarget& target);

// Asks Mixpanel with an import of no events whether it accepts the credentials. Unauthenticated or
// PermissionDenied if not; Unavailable if it does not answer.
absl::Status CheckImport(const ImportTarget& target, HttpClient& http, std::stop_token stop);

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_SINK_H_
