#include "connectors/mixpanel/mixpanel_sink.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/stop_deadline.h"
#include "base/strings.h"
#include "connectors/mixpanel/batch_progress.h"
#include "connectors/mixpanel/import_response.h"
#include "connectors/mixpanel/profile_body.h"
#include "connectors/mixpanel/record_token.h"
#include "connectors/mixpanel/request_split.h"
#include "io/gzip_encoder.h"

namespace millrace::mixpanel {
namespace {

std::string_view Path(RecordType type) {
  switch (type) {
    case RecordType::kEvent:
      return "/import";
    case RecordType::kUser:
      return "/engage";
    case RecordType::kGroup:
      return "/groups";
  }
  return "";
}

// Prevents Mixpanel from using this machine's location as the users' (`ip=0`); an `ip` property of
// an event or `$ip` of a profile is still used.
std::string RequestUrl(const ImportTarget& target) {
  std::string url = StrCat(target.endpoints.ingestion, Path(target.type), "?strict=1&ip=0");
  if (target.type != RecordType::kEvent) {
    url += "&verbose=1";
  } else if (target.credentials.has_service_account()) {
    StrAppend(&url, "&project_id=", UrlEncode(target.project_id));
  }
  return url;
}

HttpRequest RequestTemplate(const ImportTarget& target, bool gzip) {
  HttpRequest request;
  request.method = "POST";
  request.url = RequestUrl(target);
  request.headers = {{"User-Agent", "millrace/" MILLRACE_VERSION}, {"Accept", "application/json"}};
  if (target.type != RecordType::kEvent) {
    request.headers.emplace_back("Content-Type", "application/json");
    return request;
  }
  request.headers.emplace_back("Content-Type", "application/x-ndjson");
  if (gzip) request.headers.emplace_back("Content-Encoding", "gzip");
  if (target.tokens_of_records) {
    request.headers.emplace_back("Authorization", "");  // of each request
  } else if (!target.credentials.empty()) {
    request.headers.emplace_back("Authorization", target.credentials.Authorization());
  }
  return request;
}

// 401 and 403 with what the user can check.
absl::Status AccessRefused(const ImportTarget& target, const absl::Status& why) {
  const std::string used = target.type == RecordType::kEvent
                               ? target.tokens_of_records
                                     ? "the token of the record"
                                     : target.credentials.Describe(target.project_id)
                               : "the project token";
  return absl::Status(
      why.code(),
      StrCat("the credentials were refused (", why.message(), "). Used: ", used,
             ". Check that they belong to the project and that the region is the project's; a "
             "service account needs the role Owner or Admin."));
}

class MixpanelSink final : public Sink {
 public:
  MixpanelSink(ImportTarget& target, std::unique_ptr<HttpClient> http, Clock& clock)
      : target_(target),
        http_(std::move(http)),
        clock_(clock),
        unusable_(CheckTarget(target)),
        plain_request_(RequestTemplate(target, /*gzip=*/false)),
        gzip_request_(RequestTemplate(target, /*gzip=*/true)),
        profile_body_(target.credentials.token),
        token_reader_(target.type),
        progress_(/*in_order=*/target.type != RecordType::kEvent),
        gzip_(target.gzip.value_or(GzipEffort::kFast)) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan>, std::stop_token stop) override;

 private:
  bool is_profiles() const { return target_.type != RecordType::kEvent; }
  std::string Where() const { return StrCat("Mixpanel ", Path(target_.type)); }
  RequestLimits Limits() const;
  // The next rows of the batch to send; empty if nothing is left.
  RowRange NextRequest(const Batch& batch);
  // With `tokens_of_records`: the rows at the front of `rows` that have the token of the first one,
  // which is kept in token_; empty if that has none and was refused.
  RowRange RowsOfOneToken(const Batch& batch, RowRange rows);
  // The request that carries `rows`; valid until the next call.
  HttpRequest& MakeRequest(const Batch& batch, RowRange rows, bool gzip);
  ImportOutcome Send(const Batch& batch, RowRange rows, std::stop_token stop,
                     const StopDeadline& deadline);
  // Nullopt if Write() continues.
  std::optional<WriteResult> Apply(const Batch& batch, RowRange rows, ImportOutcome outcome);
  void SplitTooLarge(const Batch& batch, RowRange rows, const ImportOutcome& outcome);

  ImportTarget& target_;
  const std::unique_ptr<HttpClient> http_;
  Clock& clock_;
  const absl::Status unusable_;
  HttpRequest plain_request_;
  HttpRequest gzip_request_;
  const ProfileBody profile_body_;
  RecordTokenReader token_reader_;
  std::string token_;  // of the last request's records
  BatchProgress progress_;
  GzipEncoder gzip_;
  ByteBuffer encoded_;      // the body, unless it is a view of the batch
  size_t plain_bytes_ = 0;  // of the last request's body
};

RequestLimits MixpanelSink::Limits() const {
  return {.rows = target_.batch_events,
          .bytes = std::min(target_.batch_bytes, target_.bytes_limit.load()),
          .added_row_bytes = is_profiles() ? profile_body_.added_row_bytes() : 0};
}

RowRange MixpanelSink::NextRequest(const Batch& batch) {
  while (!progress_.finished()) {
    RowRange rows = FirstRequest(batch, progress_.next(), Limits());
    if (target_.tokens_of_records) {
      rows = RowsOfOneToken(batch, rows);
      if (rows.size() > 0) return rows;
      continue;
    }
    if (!is_profiles()) return rows;
    size_t good = rows.begin;
    while (good < rows.end && !profile_body_.IsForAnotherProject(batch.row(good))) ++good;
    rows.end = good;
    if (rows.size() > 0) return rows;
    progress_.Refuse({good, good + 1}, "rejected_by_destination",
                     "its $token is of another project: take it out, or import it there");
  }
  return {};
}

RowRange MixpanelSink::RowsOfOneToken(const Batch& batch, RowRange rows) {
  token_ = token_reader_.Read(batch.row(rows.begin));
  if (token_.empty()) {
    progress_.Refuse({rows.begin, rows.begin + 1}, "rejected_by_destination",
                     "it has no project token: set MIXPANEL_TOKEN, or let the SDK send one");
    return {};
  }
  size_t end = rows.begin + 1;
  while (end < rows.end && token_reader_.Read(batch.row(end)) == token_) ++end;
  return {rows.begin, end};
}

HttpRequest& MixpanelSink::MakeRequest(const Batch& batch, RowRange rows, bool gzip) {
  HttpRequest& request = gzip ? gzip_request_ : plain_request_;
  if (is_profiles()) {
    profile_body_.WriteTo(&encoded_, batch, rows);
    request.body = encoded_.view();
    plain_bytes_ = request.body.size();
    return request;
  }
  if (target_.tokens_of_records) request.headers.back().second = BasicAuthorization(token_, "");
  request.body = Bytes(batch, rows);
  plain_bytes_ = request.body.size();
  if (gzip) {
    gzip_.Encode(request.body, &encoded_);
    request.body = encoded_.view();
  }
  return request;
}

ImportOutcome MixpanelSink::Send(const Batch& batch, RowRange rows, std::stop_token stop,
                                 const StopDeadline& deadline) {
  ImportOutcome outcome;
  const absl::Duration grace = deadline.left();
  if (grace <= absl::ZeroDuration() && stop.stop_requested()) {
    outcome.why = absl::CancelledError("stopped before all of a batch was sent");
    return outcome;
  }
  const bool adapts = target_.adapts_compression && target_.gzip && !is_profiles();
  const bool gzip = adapts ? target_.compression.Compress() : target_.gzip && !is_profiles();
  const absl::Duration begun = clock_.Elapsed();
  HttpRequest& request = MakeRequest(batch, rows, gzip);
  request.stop_grace = grace;
  const absl::Duration made = clock_.Elapsed();
  if (target_.rate_limiter != nullptr &&
      !target_.rate_limiter->Acquire(rows.size(), plain_bytes_, stop)) {
    outcome.why = absl::CancelledError("stopped before sending");
    return outcome;
  }
  target_.traffic->requests.fetch_add(1, std::memory_order_relaxed);
  target_.traffic->bytes_sent.fetch_add(request.body.size(), std::memory_order_relaxed);
  target_.bytes_plain.fetch_add(plain_bytes_, std::memory_order_relaxed);
  const absl::Duration sent = clock_.Elapsed();
  const absl::StatusOr<HttpResponse> response = http_->Send(request, stop);
  if (!response.ok()) {
    const bool hopeless =
        absl::IsInvalidArgument(response.status()) || absl::IsUnauthenticated(response.status());
    outcome.kind = hopeless ? ImportOutcome::Kind::kStop : ImportOutcome::Kind::kRetry;
    outcome.why = response.status();
    return outcome;
  }
  if (adapts && response->status == 200) {
    target_.compression.Took(gzip, plain_bytes_, made - begun + clock_.Elapsed() - sent);
  }
  outcome = is_profiles() ? ClassifyProfileResponse(response->status, response->body, rows.size())
                          : ClassifyImportResponse(response->status, response->body, rows.size());
  outcome.retry_after = response->RetryAfter(clock_.Now());
  if (response->status == 401 || response->status == 403) {
    outcome.why = AccessRefused(target_, outcome.why);
  }
  return outcome;
}

void MixpanelSink::SplitTooLarge(const Batch& batch, RowRange rows, const ImportOutcome& outcome) {
  if (rows.size() == 1) {
    progress_.Refuse(rows, "event_too_large",
                     StrCat(plain_bytes_, " bytes: ", outcome.why.message()));
    return;
  }
  const size_t limit = LimitAfterTooLarge(plain_bytes_, outcome.named_limit);
  size_t current = target_.bytes_limit.load();
  while (limit < current && !target_.bytes_limit.compare_exchange_weak(current, limit)) {
  }
  if (FirstRequest(batch, rows, Limits()) == rows) progress_.Split(rows);
}

std::optional<WriteResult> MixpanelSink::Apply(const Batch& batch, RowRange rows,
                                               ImportOutcome outcome) {
  switch (outcome.kind) {
    case ImportOutcome::Kind::kDurable:
      progress_.Complete(rows, std::move(outcome.refused));
      return std::nullopt;
    case ImportOutcome::Kind::kTooLarge:
      SplitTooLarge(batch, rows, outcome);
      return std::nullopt;
    case ImportOutcome::Kind::kRefused:
      progress_.SearchRefused(rows, ToStd(outcome.why.message()));
      return std::nullopt;
    case ImportOutcome::Kind::kUnclear:
      if (progress_.SearchUnclear(rows)) return std::nullopt;
      break;
    case ImportOutcome::Kind::kStop:
      if (target_.tokens_of_records &&
          (absl::IsUnauthenticated(outcome.why) || absl::IsPermissionDenied(outcome.why))) {
        progress_.Refuse(rows, "rejected_by_destination", ToStd(outcome.why.message()));
        return std::nullopt;
      }
      return WriteResult::Stop(Annotate(outcome.why, Where()));
    case ImportOutcome::Kind::kRetry:
      break;
  }
  return WriteResult::Retry(Annotate(outcome.why, Where()), outcome.retry_after, outcome.throttled);
}

WriteResult MixpanelSink::Write(const Batch& batch, absl::Span<const BatchSpan>,
                                std::stop_token stop) {
  if (!unusable_.ok()) return WriteResult::Stop(unusable_);
  progress_.Begin(batch);
  const StopDeadline deadline(stop, target_.stop_grace, clock_);
  for (;;) {
    const RowRange rows = NextRequest(batch);
    // Records of one project that refuses them do not hold up those of others.
    if (progress_.refused_whole() && !target_.tokens_of_records) {
      const absl::Status why = absl::FailedPreconditionError(ToAbsl(progress_.words()));
      (void)progress_.Finish();
      return WriteResult::RefusedWhole(Annotate(why, Where()));
    }
    if (rows.size() == 0) return WriteResult::Durable(progress_.Finish());
    if (auto outcome = Apply(batch, rows, Send(batch, rows, stop, deadline)); outcome.has_value()) {
      progress_.PutAside(batch);
      return *std::move(outcome);
    }
  }
}

}  // namespace

absl::Status CheckTarget(const ImportTarget& target) {
  if (target.tokens_of_records) return absl::OkStatus();
  if (target.type != RecordType::kEvent && target.credentials.token.empty()) {
    return absl::UnauthenticatedError(
        "profiles are sent with the project token: set MIXPANEL_TOKEN, or \"token\" in the "
        "credentials file");
  }
  if (target.type == RecordType::kEvent && target.credentials.has_service_account() &&
      target.project_id.empty()) {
    return absl::InvalidArgumentError("a service account needs the project's id: --project-id");
  }
  return absl::OkStatus();
}

absl::Status CheckImport(const ImportTarget& target, HttpClient& http, std::stop_token stop) {
  RETURN_IF_ERROR(CheckTarget(target));
  const absl::StatusOr<HttpResponse> response =
      http.Send(RequestTemplate(target, /*gzip=*/false), stop);
  RETURN_IF_ERROR(response.status());
  if (response->status == 200 || response->status == 400) return absl::OkStatus();
  const ImportOutcome outcome = ClassifyImportResponse(response->status, response->body, 0);
  const bool refused = response->status == 401 || response->status == 403;
  return refused ? AccessRefused(target, outcome.why) : outcome.why;
}

std::unique_ptr<Sink> NewMixpanelSink(ImportTarget& target, std::unique_ptr<HttpClient> http,
                                      Clock& clock) {
  return std::make_unique<MixpanelSink>(target, std::move(http), clock);
}

}  // namespace millrace::mixpanel
