#include "proxy/public_handler.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/server_response.h"
#include "proxy/cors.h"
#include "proxy/enrich.h"
#include "proxy/import_results.h"
#include "sdk/body_decoder.h"
#include "sdk/sdk_response.h"

namespace millrace::proxy {
namespace {

constexpr size_t kKeptBytes = 1 << 20;  // of a buffer that is kept for later requests
// Dead letters of one request: as many as a batch for Mixpanel may have. Each takes hundreds of
// bytes, even if what was sent has two.
constexpr size_t kMaxKeptRejections = 2000;
constexpr absl::Duration kLargeBodyRetryAfter = absl::Minutes(10);

bool IsIngestion(Route route) {
  return route == Route::kTrack || route == Route::kEngage || route == Route::kGroups ||
         route == Route::kImport;
}

RecordType TypeOf(Route route) {
  if (route == Route::kEngage) return RecordType::kUser;
  return route == Route::kGroups ? RecordType::kGroup : RecordType::kEvent;
}

// Memory for one request, used again by later ones.
struct Scratch {
  ByteBuffer body;
  Enricher enricher;
  EnrichedRecords records;

  void Trim() {
    if (body.capacity() > kKeptBytes) body = {};
    if (records.lines.capacity() > kKeptBytes) records.lines = {};
    records.clear();
    enricher.Trim();
  }
};

class ScratchPool {
 public:
  std::unique_ptr<Scratch> Take() {
    {
      absl::MutexLock lock(&mutex_);
      if (!free_.empty()) {
        std::unique_ptr<Scratch> scratch = std::move(free_.back());
        free_.pop_back();
        return scratch;
      }
    }
    return std::make_unique<Scratch>();
  }
  void Give(std::unique_ptr<Scratch> scratch) {
    scratch->Trim();
    absl::MutexLock lock(&mutex_);
    free_.push_back(std::move(scratch));
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_ ABSL_GUARDED_BY(mutex_);
};

// What acknowledgements need, which may come after the handler is gone.
struct State {
  explicit State(Clock& clock) : clock(clock) {}

  Clock& clock;
  PublicCounts counts;
  RequestStats stats;
  ScratchPool scratches;
};

// A request whose records are on their way to stable storage. It is acknowledged when all parts
// are.
class Delivery {
 public:
  // `begin`: when the request arrived, on the clock's Elapsed().
  Delivery(std::shared_ptr<State> state, Route route, absl::Duration begin)
      : state_(std::move(state)),
        scratch_(state_->scratches.Take()),
        route_(route),
        type_(TypeOf(route)),
        begin_(begin) {}
  ~Delivery() {
    state_->counts.bytes_in_flight -= bytes_;
    if (scratch_ != nullptr) state_->scratches.Give(std::move(scratch_));
  }
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  RecordType type() const { return type_; }
  // Until EndScratch().
  Scratch& scratch() { return *scratch_; }
  void EndScratch() { state_->scratches.Give(std::exchange(scratch_, nullptr)); }

  ServerResponse success;

  // Before the first part may be done. The client has another response after `timeout`.
  void Begin(std::shared_ptr<PendingResponse> pending, size_t parts, size_t bytes,
             absl::Duration timeout) {
    pending_ = std::move(pending);
    left_ = parts;
    bytes_ = bytes;
    state_->counts.bytes_in_flight += bytes;
    deadline_ = begin_ + timeout;
  }
  void OnAccepted(uint64_t records, const absl::Status& status) {
    if (status.ok()) state_->counts.accepted[static_cast<size_t>(type_)] += records;
    OnPart(status);
  }
  void OnRejected(uint64_t records, const absl::Status& status) {
    if (status.ok()) state_->counts.rejected[static_cast<size_t>(type_)] += records;
    OnPart(status);
  }

 private:
  void OnPart(const absl::Status& status) {
    if (!status.ok()) failed_ = true;
    if (--left_ > 0) return;
    const absl::Duration now = state_->clock.Elapsed();
    const bool is_late = !failed_ && now > deadline_;
    if (failed_) ++state_->counts.refused_by_log;
    if (is_late) ++state_->counts.late;
    state_->stats.Observe(route_, failed_ || is_late ? 503 : success.status, now - begin_);
    if (!failed_) pending_->Send(std::move(success));
    pending_ = nullptr;  // without a response, the client gets the one that the handler returned
  }

  const std::shared_ptr<State> state_;
  std::unique_ptr<Scratch> scratch_;
  const Route route_;
  const RecordType type_;
  const absl::Duration begin_;
  size_t bytes_ = 0;
  absl::Duration deadline_;
  std::shared_ptr<PendingResponse> pending_;
  std::atomic<size_t> left_{0};
  std::atomic<bool> failed_{false};
};

using Frames = absl::InlinedVector<Frame, 1>;

// Cuts `rest` into frames of at most `max_bytes`, or of one record.
Frames CutFrame(Frame rest, size_t max_bytes) {
  Frames frames;
  while (rest.records.size() > max_bytes) {
    size_t end = rest.records.rfind('\n', max_bytes - 1);
    if (end == std::string_view::npos) end = rest.records.find('\n');
    Frame piece = rest;
    piece.records = rest.records.substr(0, end + 1);
    piece.count =
        static_cast<uint32_t>(std::count(piece.records.begin(), piece.records.end(), '\n'));
    rest.records.remove_prefix(piece.records.size());
    rest.count -= piece.count;
    frames.push_back(piece);
  }
  if (rest.count > 0) frames.push_back(rest);
  return frames;
}

// The user of "Basic base64(user:)", where it is a project's token.
std::string BasicUser(std::string_view authorization) {
  constexpr std::string_view kBasic = "Basic ";
  if (!absl::StartsWithIgnoreCase(ToAbsl(authorization), ToAbsl(kBasic))) return "";
  std::string pair;
  const std::string_view encoded = TrimBlanks(authorization.substr(kBasic.size()));
  if (!absl::Base64Unescape(ToAbsl(encoded), &pair)) return "";
  return pair.substr(0, pair.find(':'));
}

// As sdk::SdkResponse; a callback that is no name is ignored, because 400 would mean "send again".
ServerResponse RecordsResponse(sdk::Params& params, bool success, std::string_view error) {
  ServerResponse reply = sdk::SdkResponse(params, success, error);
  if (reply.status == 200) return reply;
  params.erase("callback");
  return sdk::SdkResponse(params, success, error);
}

}  // namespace

class PublicHandler::Impl {
 public:
  // What may change while requests are handled. A request uses those of its beginning.
  struct Rules {
    Routes routes;
    Cors cors;
    ClientAddress addresses;
    TokenRules tokens;
  };
  static absl::StatusOr<Rules> MakeRules(const PublicHandlerOptions& options) {
    ASSIGN_OR_RETURN(Routes routes, Routes::Make(options.routes));
    ASSIGN_OR_RETURN(Cors cors, Cors::Make(options.allowed_origins));
    return Rules{std::move(routes), std::move(cors), ClientAddress(options.addresses), {}};
  }

  Impl(PublicHandlerOptions options, Rules rules, RecordAppender& log, RejectedRecords& rejected,
       PassThrough& pass_through, Clock& clock)
      : options_(std::move(options)),
        log_(log),
        rejected_(rejected),
        pass_through_(pass_through),
        clock_(clock),
        not_stored_(Overloaded("the records could not be stored in time; send them again")),
        state_(std::make_shared<State>(clock)),
        rules_(std::make_shared<const Rules>(std::move(rules))) {}

  ServerResponse Handle(const ServerRequest& request);
  void OnRefusal(const ServerRequest& request, ServerResponse* reply) const;
  void SetTokens(TokenRules tokens) {
    absl::MutexLock lock(&rules_mutex_);
    auto changed = std::make_shared<Rules>(*rules_);
    changed->tokens = std::move(tokens);
    rules_ = std::move(changed);
  }
  absl::Status SetRules(const PublicHandlerOptions& options) {
    ASSIGN_OR_RETURN(Rules rules, MakeRules(options));
    absl::MutexLock lock(&rules_mutex_);
    rules.tokens = rules_->tokens;
    rules_ = std::make_shared<const Rules>(std::move(rules));
    return absl::OkStatus();
  }
  const PublicCounts& counts() const { return state_->counts; }
  const RequestStats& stats() const { return state_->stats; }

 private:
  ServerResponse Success(sdk::Params& params) const;
  ServerResponse Respond(const ServerRequest& request, const RouteMatch& match, const Rules& rules);
  ServerResponse Ingest(const ServerRequest& request, Route route, const Rules& rules,
                        absl::Duration begin);
  ServerResponse TooLarge(const ServerRequest& request, Route route) const;
  ServerResponse Overloaded(std::string_view why) const;
  ServerResponse Deliver(const ServerRequest& request, const Cors& cors,
                         std::shared_ptr<Delivery> delivery, RejectedBatch rejected,
                         absl::Time now);
  RejectedBatch BatchOf(RecordType type, const EnrichedRecords& records, absl::Time now) const;
  std::shared_ptr<const Rules> rules() const {
    absl::ReaderMutexLock lock(&rules_mutex_);
    return rules_;
  }

  const PublicHandlerOptions options_;
  RecordAppender& log_;
  RejectedRecords& rejected_;
  PassThrough& pass_through_;
  Clock& clock_;
  const ServerResponse not_stored_;  // without CORS
  const std::shared_ptr<State> state_;
  mutable absl::Mutex rules_mutex_;
  std::shared_ptr<const Rules> rules_ ABSL_GUARDED_BY(rules_mutex_);
};

ServerResponse PublicHandler::Impl::Handle(const ServerRequest& request) {
  ++state_->counts.requests;
  state_->counts.bytes += request.body.size();
  const std::shared_ptr<const Rules> rules = this->rules();
  const RouteMatch match = rules->routes.Find(request.path);
  if (request.method != "OPTIONS" && IsIngestion(match.route)) {
    const absl::Duration begin = clock_.Elapsed();
    ServerResponse reply = Ingest(request, match.route, *rules, begin);
    if (reply.later == nullptr) {
      state_->stats.Observe(match.route, reply.status, clock_.Elapsed() - begin);
    }
    return reply;
  }
  ServerResponse reply = request.method == "OPTIONS" ? rules->cors.Preflight(request)
                                                     : Respond(request, match, *rules);
  if (reply.later == nullptr) {
    state_->stats.Count(match.route, reply.status);
  } else {
    RequestStats::CountLater({state_, &state_->stats}, match.route, &reply);
  }
  return reply;
}

ServerResponse PublicHandler::Impl::Respond(const ServerRequest& request, const RouteMatch& match,
                                            const Rules& rules) {
  ServerResponse reply;
  switch (match.route) {
    case Route::kPing:
      reply.body = "{\"status\":\"OK\",\"message\":\"pong\",\"version\":";
      AppendJsonString(reply.body, options_.version);
      reply.body += '}';
      break;
    case Route::kRoot:
    case Route::kHealthz:
      reply.body = "{\"status\":\"OK\"}";
      break;
    case Route::kNotFound:
      ++state_->counts.not_found;
      reply = ErrorResponse(404, "the proxy has no such path");
      break;
    default: {
      ServerResponse cors;
      rules.cors.AddHeaders(request, &cors);
      return pass_through_.Handle(request, match, rules.addresses.Find(request), cors.headers);
    }
  }
  rules.cors.AddHeaders(request, &reply);
  return reply;
}

ServerResponse PublicHandler::Impl::Overloaded(std::string_view why) const {
  ServerResponse reply = ErrorResponse(503, why);
  reply.headers.emplace_back("Retry-After", StrCat(absl::ToInt64Seconds(options_.retry_after)));
  return reply;
}

ServerResponse PublicHandler::Impl::Success(sdk::Params& params) const {
  if (options_.result_names.empty()) return RecordsResponse(params, true, "");
  ServerResponse reply{.body = "["};
  for (const std::string& name : options_.result_names) {
    if (reply.body.size() > 1) reply.body += ',';
    reply.body += "{\"name\":";
    AppendJsonString(reply.body, name);
    reply.body += ",\"result\":{\"status\":\"success\"}}";
  }
  reply.body += ']';
  return reply;
}

// Which of the two loses nothing: see the top of the header.
ServerResponse PublicHandler::Impl::TooLarge(const ServerRequest& request, Route route) const {
  const std::string message = StrCat("request exceeds max limit of ", options_.max_body_bytes,
                                     " bytes or ", EnrichOptions().max_records, " records");
  const std::string content_type = absl::AsciiStrToLower(ToAbsl(request.header("content-type")));
  const bool is_json = content_type.find("json") != std::string::npos;
  if (route == Route::kImport || !is_json) return ErrorResponse(413, message);
  ServerResponse reply = ErrorResponse(503, message);
  reply.headers.emplace_back("Retry-After", StrCat(absl::ToInt64Seconds(kLargeBodyRetryAfter)));
  return reply;
}

void PublicHandler::Impl::OnRefusal(const ServerRequest& request, ServerResponse* reply) const {
  ++state_->counts.requests;
  const std::shared_ptr<const Rules> rules = this->rules();
  const Route route = rules->routes.Find(request.path).route;
  if (reply->status == 413 && IsIngestion(route)) {
    ++state_->counts.too_large;
    *reply = TooLarge(request, route);
  }
  state_->stats.Count(route, reply->status);
  rules->cors.AddHeaders(request, reply);
}

ServerResponse PublicHandler::Impl::Ingest(const ServerRequest& request, Route route,
                                           const Rules& rules, absl::Duration begin) {
  PublicCounts& counts = state_->counts;
  const auto with_cors = [&](ServerResponse reply) {
    rules.cors.AddHeaders(request, &reply);
    return reply;
  };
  if (request.method != "POST" && request.method != "GET") {
    return with_cors(ErrorResponse(405, "use POST or GET"));
  }
  if (counts.bytes_in_flight + request.body.size() > options_.max_bytes_in_flight) {
    ++counts.refused_by_budget;
    return with_cors(Overloaded("too many bytes are in flight; try again later"));
  }
  const absl::Time now = clock_.Now();
  const RecordType type = TypeOf(route);
  const bool is_import = route == Route::kImport;
  auto delivery = std::make_shared<Delivery>(state_, route, begin);
  Scratch& scratch = delivery->scratch();
  EnrichedRecords& records = scratch.records;

  absl::StatusOr<sdk::DecodedBody> body =
      sdk::DecodeBody(request, options_.max_body_bytes, &scratch.body);
  if (absl::IsResourceExhausted(body.status())) {
    ++counts.too_large;
    return with_cors(TooLarge(request, route));
  }
  if (!body.ok()) {
    ++counts.unreadable_bodies;
    if (is_import) return with_cors(UnreadableImport(ToStd(body.status().message())));
    sdk::Params params;
    params.AddForm(request.query);
    // A form of which only `data` is damaged may still say how to answer.
    if (request.body.size() <= kKeptBytes) params.AddForm(request.body);
    params.erase("data");
    records.received = 1;
    records.rejected.push_back({.code = "unreadable_row",
                                .field = "",
                                .message = std::string(ToStd(body.status().message())),
                                .insert_id = "",
                                .text = request.body.empty() ? request.query : request.body});
    delivery->success = Success(params);
  } else {
    sdk::Params& params = body->params;
    // /import comes from servers, whose address says nothing of the user.
    const bool adds_address = is_import ? params.Flag("ip") : params.Flag("ip", true);
    const std::string address = adds_address ? rules.addresses.Find(request) : "";
    const TokenRules& tokens = rules.tokens;
    std::string default_token;
    if (is_import && !tokens.allowed.empty()) {
      // The user may also be a secret, which must not be stored: only a known token is taken.
      default_token = BasicUser(request.header("authorization"));
      if (!tokens.allowed.contains(default_token)) default_token.clear();
    }
    const EnrichRequest enrich{.type = type,
                               .address = address,
                               .unix_millis = absl::ToUnixMillis(now),
                               .requires_time = is_import,
                               .tokens = &tokens,
                               .default_token = default_token};
    if (!scratch.enricher.Enrich(body->records, enrich, &records)) {
      ++counts.too_large;
      return with_cors(TooLarge(request, route));
    }
    const bool wants_results = is_import && params.Flag("strict", !body->is_form);
    if (wants_results) {
      delivery->success = ImportResults(records.count, records.rejected);
    } else if (records.received == 0) {
      return with_cors(RecordsResponse(params, false, "data, missing or empty"));
    } else {
      delivery->success = Success(params);
    }
  }
  counts.received[static_cast<size_t>(type)] += records.received;
  RejectedBatch rejected = BatchOf(type, records, now);
  return Deliver(request, rules.cors, std::move(delivery), std::move(rejected), now);
}

RejectedBatch PublicHandler::Impl::BatchOf(RecordType type, const EnrichedRecords& records,
                                           absl::Time now) const {
  RejectedBatch batch{.type = type, .arrival = now};
  const std::vector<RejectedRecord>& all = records.rejected;
  const size_t single = all.size() <= kMaxKeptRejections ? all.size() : kMaxKeptRejections - 1;
  for (size_t i = 0; i < single; ++i) {
    batch.records.push_back(
        {std::string(all[i].code), all[i].field, all[i].message, std::string(all[i].text)});
  }
  if (single == all.size()) return batch;
  const std::string_view first = all[single].text, last = all.back().text;  // of one text
  batch.records.push_back({std::string(all[single].code), all[single].field,
                           StrCat(all[single].message, "; with all that follows, in which ",
                                  all.size() - single - 1, " more records are rejected"),
                           std::string(first.data(), last.data() + last.size())});
  return batch;
}

// Appends what the delivery holds, and answers when all of it is on stable storage.
ServerResponse PublicHandler::Impl::Deliver(const ServerRequest& request, const Cors& cors,
                                            std::shared_ptr<Delivery> delivery,
                                            RejectedBatch rejected, absl::Time now) {
  cors.AddHeaders(request, &delivery->success);
  const EnrichedRecords& records = delivery->scratch().records;
  if (records.count == 0 && rejected.records.empty()) return std::move(delivery->success);
  ServerResponse reply = not_stored_;
  cors.AddHeaders(request, &reply);
  reply.later_timeout = options_.ack_timeout;
  reply.later = [this, delivery = std::move(delivery),
                 rejected = std::make_shared<RejectedBatch>(std::move(rejected)),
                 now](std::shared_ptr<PendingResponse> pending) {
    const EnrichedRecords& records = delivery->scratch().records;
    const Frames frames = CutFrame({delivery->type(), records.count, absl::ToUnixMicros(now),
                                    records.lines.view(), records.are_mapped},
                                   options_.max_frame_bytes);
    size_t bytes = records.lines.size();
    for (const KeptRejection& record : rejected->records) bytes += record.payload.size();
    const size_t parts = (frames.empty() ? 0 : 1) + (rejected->records.empty() ? 0 : 1);
    delivery->Begin(std::move(pending), parts, bytes, options_.ack_timeout);
    if (!frames.empty()) {
      log_.Append(frames, [delivery, count = records.count](const absl::Status& status) {
        delivery->OnAccepted(count, status);
      });
    }
    if (!rejected->records.empty()) {
      const size_t count = records.rejected.size();
      rejected_.Add(std::move(*rejected), [delivery, count](const absl::Status& status) {
        delivery->OnRejected(count, status);
      });
    }
    delivery->EndScratch();
  };
  return reply;
}

absl::StatusOr<std::unique_ptr<PublicHandler>> PublicHandler::Make(PublicHandlerOptions options,
                                                                   RecordAppender& log,
                                                                   RejectedRecords& rejected,
                                                                   PassThrough& pass_through,
                                                                   Clock& clock) {
  ASSIGN_OR_RETURN(Impl::Rules rules, Impl::MakeRules(options));
  return std::unique_ptr<PublicHandler>(new PublicHandler(std::make_unique<Impl>(
      std::move(options), std::move(rules), log, rejected, pass_through, clock)));
}

PublicHandler::PublicHandler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PublicHandler::~PublicHandler() = default;

ServerResponse PublicHandler::Handle(const ServerRequest& request) {
  return impl_->Handle(request);
}

void PublicHandler::OnRefusal(const ServerRequest& request, ServerResponse* reply) const {
  impl_->OnRefusal(request, reply);
}

void PublicHandler::SetTokens(TokenRules tokens) { impl_->SetTokens(std::move(tokens)); }

absl::Status PublicHandler::SetRules(const PublicHandlerOptions& options) {
  return impl_->SetRules(options);
}

const PublicCounts& PublicHandler::counts() const { return impl_->counts(); }
const RequestStats& PublicHandler::stats() const { return impl_->stats(); }

}  // namespace millrace::proxy
