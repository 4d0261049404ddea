#include "connectors/firestore/firestore_client.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::firestore {
namespace {

constexpr size_t kMaxResponseBytes = 64 << 20;

absl::Status WithHint(absl::Status status, const Location& location) {
  if (absl::IsPermissionDenied(status)) {
    return absl::PermissionDeniedError(
        StrCat(ToStd(status.message()), " (", location.credentials.description,
               " needs the role roles/datastore.user in the project ", location.project, ")"));
  }
  return status;
}

}  // namespace

std::string Location::root() const {
  return StrCat("projects/", project, "/databases/", database, "/documents");
}

std::string Location::DocumentName(const LedgerKey& key) const {
  return StrCat(root(), "/", collection, "/", DocumentId(key));
}

std::string Location::IntentName(const std::string& intent) const {
  return StrCat(root(), "/", collection, "/", IntentDocumentId(intent));
}

bool IsSurprise(const absl::Status& status) {
  return absl::IsAlreadyExists(status) || absl::IsFailedPrecondition(status) ||
         absl::IsNotFound(status);
}

// Competing writes are decided within tens of milliseconds.
absl::Status BackOff(Clock& clock, int attempt, const std::stop_token& stop) {
  absl::BitGen random;
  const double max = 0.01 * (1 << std::min(attempt, 6));
  const absl::Duration pause = absl::Seconds(absl::Uniform(random, max / 2, max));
  return clock.SleepFor(pause, stop) ? absl::OkStatus() : StopRequested();
}

absl::StatusOr<HttpResponse> FirestoreClient::Post(const char* method, const std::string& body,
                                                   const std::stop_token& stop) {
  HttpRequest request{.method = "POST",
                      .url = StrCat(location_.base_url, "/v1/", location_.root(), ":", method),
                      .headers = {{"Content-Type", "application/json"}},
                      .body = body,
                      .timeout = absl::Seconds(60),
                      .max_response_bytes = kMaxResponseBytes};
  RETURN_IF_ERROR(location_.credentials.Authorize(request, stop));
  return http_->Send(request, stop);
}

absl::StatusOr<std::string> FirestoreClient::Call(const char* method, const std::string& body,
                                                  const std::stop_token& stop) {
  ASSIGN_OR_RETURN(HttpResponse reply, Post(method, body, stop));
  if (reply.status == 401) {  // the token may have been revoked
    ASSIGN_OR_RETURN(const AccessToken refused, location_.credentials.tokens->Token(stop));
    location_.credentials.tokens->Forget(refused);
    ASSIGN_OR_RETURN(reply, Post(method, body, stop));
  }
  if (reply.status == 200) return std::move(reply.body);
  return WithHint(ErrorOf(reply.status, reply.body), location_);
}

absl::StatusOr<QueryResult> FirestoreClient::Get(const std::vector<std::string>& names,
                                                 const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::string reply, Call("batchGet", GetBody(names), stop));
  return ParseGetResponse(reply);
}

absl::StatusOr<FoundIntent> FirestoreClient::GetIntent(const std::string& id,
                                                       const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::string reply,
                   Call("batchGet", GetBody({location_.IntentName(id)}), stop));
  return ParseIntentResponse(reply);
}

absl::StatusOr<absl::Time> FirestoreClient::Commit(const std::vector<std::string>& writes,
                                                   const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::string reply, Call("commit", CommitBody(writes), stop));
  return ParseCommitResponse(reply, writes.size());
}

absl::Status FirestoreClient::Delete(const std::string& name, const std::stop_token& stop,
                                     std::optional<absl::Time> updated) {
  return Call("commit", CommitBody({DeleteText(name, updated)}), stop).status();
}

absl::StatusOr<std::vector<IntentDocument>> FirestoreClient::IntentPage(
    const std::string& destination, const std::string& after, size_t limit,
    const std::stop_token& stop) {
  const std::string name = after.empty() ? "" : location_.IntentName(after);
  ASSIGN_OR_RETURN(
      const std::string reply,
      Call("runQuery", IntentQueryBody(location_.collection, destination, name, limit), stop));
  return ParseIntentQueryResponse(reply);
}

absl::StatusOr<std::vector<LedgerDocument>> FirestoreClient::Page(const LedgerDocument* after,
                                                                  size_t limit,
                                                                  const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::string reply,
                   Call("runQuery", QueryBody(location_.collection, after, limit), stop));
  ASSIGN_OR_RETURN(QueryResult found, ParseQueryResponse(reply));
  return std::move(found.documents);
}

absl::StatusOr<QueryResult> FirestoreClient::OfObject(const LedgerKey& key,
                                                      const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::string reply,
                   Call("runQuery", ObjectQueryBody(location_.collection, key), stop));
  return ParseQueryResponse(reply);
}

}  // namespace millrace::firestore
