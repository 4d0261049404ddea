#include "connectors/firestore/testing/fake_firestore.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::firestore {
namespace {

using Json = nlohmann::json;

struct ErrorKind {
  int http_status;
  const char* status;
};

ErrorKind KindOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return {400, "INVALID_ARGUMENT"};
    case absl::StatusCode::kFailedPrecondition:
      return {400, "FAILED_PRECONDITION"};
    case absl::StatusCode::kUnauthenticated:
      return {401, "UNAUTHENTICATED"};
    case absl::StatusCode::kPermissionDenied:
      return {403, "PERMISSION_DENIED"};
    case absl::StatusCode::kNotFound:
      return {404, "NOT_FOUND"};
    case absl::StatusCode::kAborted:
      return {409, "ABORTED"};
    case absl::StatusCode::kAlreadyExists:
      return {409, "ALREADY_EXISTS"};
    case absl::StatusCode::kUnavailable:
      return {503, "UNAVAILABLE"};
    default:
      return {501, "UNIMPLEMENTED"};
  }
}

ServerResponse ErrorResponse(const absl::Status& status) {
  const ErrorKind kind = KindOf(status.code());
  return {.status = kind.http_status,
          .body = Json{{"error",
                        {{"code", kind.http_status},
                         {"message", std::string(ToStd(status.message()))},
                         {"status", kind.status}}}}
                      .dump()};
}

bool Writes(std::string_view method) {
  return method == "commit" || method == "batchWrite" || method == "beginTransaction";
}

}  // namespace

FakeFirestore::FakeFirestore(FakeFirestoreOptions options)
    : options_(std::move(options)), documents_(options_.clock), random_(options_.seed) {
  absl::StatusOr<std::unique_ptr<HttpServer>> server = HttpServer::Start(
      {.listen = "127.0.0.1:0"}, [this](const ServerRequest& request) { return Handle(request); });
  if (!server.ok()) {
    Log(Severity::kError, "the Firestore stand-in cannot listen",
        {{"error", ToStd(server.status().message())}});
    std::abort();
  }
  server_ = *std::move(server);
}

void FakeFirestore::FailNext(Fault fault) {
  absl::MutexLock lock(&mutex_);
  next_.push_back(fault);
}

uint64_t FakeFirestore::requests() const {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

void FakeFirestore::HoldReplies(bool hold) {
  absl::MutexLock lock(&mutex_);
  hold_replies_ = hold;
}

void FakeFirestore::AwaitRequestAfter(uint64_t requests) const {
  const auto more = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return requests_ > requests; };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&more));
}

absl::Time FakeFirestore::Now() {
  absl::MutexLock lock(&mutex_);
  return documents_.Now();
}

std::optional<Fault> FakeFirestore::NextFault() {
  if (!next_.empty()) {
    const Fault fault = next_.front();
    next_.pop_front();
    return fault;
  }
  for (const auto& [fault, probability] : options_.faults) {
    if (std::uniform_real_distribution<>()(random_) < probability) return fault;
  }
  return std::nullopt;
}

// "/v1/projects/P/databases/D/documents:METHOD".
ServerResponse FakeFirestore::Handle(const ServerRequest& request) {
  absl::MutexLock lock(&mutex_);
  ++requests_;
  if (request.header("authorization") != StrCat("Bearer ", options_.token)) {
    return ErrorResponse(
        absl::UnauthenticatedError("Request had invalid authentication credentials."));
  }
  const std::string_view path = request.path;
  const size_t colon = path.rfind(':');
  if (request.method != "POST" || !path.starts_with("/v1/projects/") ||
      colon == std::string_view::npos) {
    return ErrorResponse(absl::UnimplementedError("the stand-in has no such path"));
  }
  const std::string_view method = path.substr(colon + 1);
  const std::optional<Fault> fault = Writes(method) ? NextFault() : std::nullopt;
  if (fault == Fault::kAborted) {
    return ErrorResponse(absl::AbortedError("Too much contention on these documents."));
  }
  if (fault == Fault::kUnavailable) return ErrorResponse(absl::UnavailableError("Try again."));
  if (fault == Fault::kDenied) {
    return ErrorResponse(absl::PermissionDeniedError("Missing or insufficient permissions."));
  }
  ServerResponse reply = Dispatch(request, method);
  reply.delay = hold_replies_ ? absl::Hours(1) : options_.latency;
  if (fault == Fault::kResponseLost) reply.cut = true;
  return reply;
}

ServerResponse FakeFirestore::Dispatch(const ServerRequest& request, std::string_view method) {
  const Json body = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (body.is_discarded()) return ErrorResponse(absl::InvalidArgumentError("the body is no JSON"));
  constexpr std::string_view kVersion = "/v1/";
  const std::string_view path = request.path;
  const std::string root =
      UrlDecode(path.substr(kVersion.size(), path.rfind(':') - kVersion.size()), false);
  absl::StatusOr<Json> answer = absl::UnimplementedError("the stand-in has no such method");
  if (method == "commit") answer = documents_.Commit(root, body);
  if (method == "batchWrite") answer = documents_.BatchWrite(root, body);
  if (method == "batchGet") answer = documents_.BatchGet(root, body);
  if (method == "beginTransaction") answer = documents_.BeginTransaction(body);
  if (method == "rollback") answer = documents_.Rollback(body);
  if (method == "runQuery") answer = documents_.RunQuery(root, body);
  if (!answer.ok()) return ErrorResponse(answer.status());
  return {.body = answer->dump()};
}

}  // namespace millrace::firestore
