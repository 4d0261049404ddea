#include "connectors/firestore/ledger_document.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/firestore/document_json.h"
#include "net/http_status.h"

namespace millrace::firestore {
namespace {

constexpr size_t kMaxMessage = 300;

Json FieldsOf(const LedgerDocument& document) {
  const LedgerEntry& entry = document.entry;
  Json fields = {
      {"object", TextValue(entry.key.object)},
      {"version", TextValue(entry.key.version)},
      {"config", TextValue(entry.key.config)},
      {"destination", TextValue(entry.key.destination)},
      {"state", TextValue(entry.state == LedgerState::kDone ? "done" : "open")},
      {"position_row", IntegerValue(entry.position.row)},
      {"position_byte", IntegerValue(entry.position.byte)},
      {"rows_read", IntegerValue(entry.counts.read)},
      {"rows_accepted", IntegerValue(entry.counts.accepted)},
      {"rows_rejected", IntegerValue(entry.counts.rejected)},
      {"rows_filtered", IntegerValue(entry.counts.filtered)},
      {"events_accepted", IntegerValue(entry.counts.events)},
      {"lease_ms", IntegerValue(static_cast<uint64_t>(absl::ToInt64Milliseconds(document.lease)))},
      {"last_error", TextValue(entry.last_error)},
      {"object_bytes", IntegerValue(entry.object_bytes)},
      {"revision", IntegerValue(entry.revision)},
      {"mapping_version", IntegerValue(entry.mapping_version)},
      {"config_parts", TextValue(entry.config_parts)},
      {"maybe_sent", IntegerValue(entry.maybe_sent ? 1 : 0)},
      {"last_write", TextValue(document.last_write)}};
  // An older Millrace would claim the object in spite of the intent: to it, the document is
  // damaged.
  fields[entry.intent.empty() ? "owner" : "covered_owner"] = TextValue(entry.owner);
  if (!entry.intent.empty()) fields["intent"] = TextValue(entry.intent);
  return fields;
}

absl::StatusOr<LedgerDocument> ParseDocument(const Json& json) {
  LedgerDocument document;
  LedgerEntry& entry = document.entry;
  document.name = TextAt(json, "name");
  ASSIGN_OR_RETURN(entry.started, TimeAt(json, "createTime"));
  ASSIGN_OR_RETURN(entry.updated, TimeAt(json, "updateTime"));
  FieldReader fields(Member(json, "fields"));
  entry.key = {fields.Text("object"), fields.Text("version"), fields.Text("config"),
               fields.Text("destination")};
  entry.state = fields.Text("state") == "done" ? LedgerState::kDone : LedgerState::kOpen;
  entry.position = {fields.Number("position_row"), fields.Number("position_byte")};
  entry.counts = {fields.Number("rows_read"), fields.Number("rows_accepted"),
                  fields.Number("rows_rejected"), fields.Number("rows_filtered"),
                  fields.Number("events_accepted")};
  if (fields.Has("intent")) entry.intent = fields.Text("intent");
  entry.owner = fields.Text(entry.intent.empty() ? "owner" : "covered_owner");
  const uint64_t lease_ms = fields.Number("lease_ms");
  entry.last_error = fields.Text("last_error");
  entry.object_bytes = fields.Number("object_bytes");
  entry.revision = fields.Number("revision");
  document.last_write = fields.Text("last_write");
  // Documents of before Millrace kept them have none.
  if (fields.Has("mapping_version")) entry.mapping_version = fields.Number("mapping_version");
  if (fields.Has("config_parts")) entry.config_parts = fields.Text("config_parts");
  if (fields.Has("maybe_sent")) entry.maybe_sent = fields.Number("maybe_sent") != 0;
  RETURN_IF_ERROR(Annotate(fields.status(), document.name));
  document.lease = absl::Milliseconds(std::min<uint64_t>(lease_ms, 1ull << 50));
  entry.lease_until = entry.updated + document.lease;
  return document;
}

}  // namespace

std::string DocumentId(const LedgerKey& key) {
  return ToHex(
      HashBytes(StrCat(key.object, "\n", key.version, "\n", key.config, "\n", key.destination)));
}

std::string WriteText(const std::string& name, const LedgerDocument& document, Expect expect) {
  return WriteJson(name, FieldsOf(document), expect == Expect::kAbsent, document.entry.updated)
      .dump();
}

std::string DeleteText(const std::string& name, std::optional<absl::Time> updated) {
  Json write = {{"delete", name}};
  if (updated) write["currentDocument"] = {{"updateTime", TimeText(*updated)}};
  return write.dump();
}

std::string CommitBody(const std::vector<std::string>& writes) {
  return StrCat("{\"writes\":[", absl::StrJoin(writes, ","), "]}");
}

std::string GetBody(const std::vector<std::string>& names) {
  return Json{{"documents", names}}.dump();
}

std::string QueryBody(const std::string& collection, const LedgerDocument* after, size_t limit) {
  const auto order = [](const char* field) {
    return Json{{"field", {{"fieldPath", field}}}, {"direction", "ASCENDING"}};
  };
  Json query = {{"from", Json::array({Json{{"collectionId", collection}}})},
                {"orderBy", Json::array({order("object"), order("__name__")})},
                {"limit", limit}};
  if (after != nullptr) {
    query["startAt"] = {{"values", Json::array({TextValue(after->entry.key.object),
                                                Json{{"referenceValue", after->name}}})},
                        {"before", false}};
  }
  return Json{{"structuredQuery", std::move(query)}}.dump();
}

std::string ObjectQueryBody(const std::string& collection, const LedgerKey& key) {
  const Json both =
      Json::array({EqualFilter("object", key.object), EqualFilter("version", key.version)});
  const Json query = {{"from", Json::array({Json{{"collectionId", collection}}})},
                      {"where", {{"compositeFilter", {{"op", "AND"}, {"filters", both}}}}}};
  return Json{{"structuredQuery", query}}.dump();
}

absl::StatusOr<QueryResult> ParseGetResponse(std::string_view body) {
  ASSIGN_OR_RETURN(const Json reply, ParseResponse(body));
  if (!reply.is_array() || reply.empty()) return Unexpected("no list of documents");
  QueryResult got;
  for (const Json& result : reply) {
    ASSIGN_OR_RETURN(got.read_time, TimeAt(result, "readTime"));
    if (const Json* document = Member(result, "found"); document != nullptr) {
      ASSIGN_OR_RETURN(got.documents.emplace_back(), ParseDocument(*document));
    } else if (Member(result, "missing") == nullptr) {
      return Unexpected("a document is neither found nor missing");
    }
  }
  return got;
}

absl::StatusOr<absl::Time> ParseCommitResponse(std::string_view body, size_t writes) {
  ASSIGN_OR_RETURN(const Json reply, ParseResponse(body));
  const Json* results = Member(reply, "writeResults");
  if (results == nullptr || !results->is_array() || results->empty() || results->size() != writes) {
    return Unexpected("not one writeResult for each write");
  }
  return TimeAt((*results)[0], "updateTime");
}

absl::StatusOr<QueryResult> ParseQueryResponse(std::string_view body) {
  ASSIGN_OR_RETURN(const Json reply, ParseResponse(body));
  if (!reply.is_array()) return Unexpected("no list of results");
  QueryResult found;
  for (const Json& result : reply) {
    if (Member(result, "readTime") != nullptr) {
      ASSIGN_OR_RETURN(found.read_time, TimeAt(result, "readTime"));
    }
    const Json* document = Member(result, "document");
    if (document == nullptr) continue;  // the last one may hold only the time
    ASSIGN_OR_RETURN(found.documents.emplace_back(), ParseDocument(*document));
  }
  return found;
}

absl::Status ErrorOf(int http_status, std::string_view body) {
  Json reply = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (reply.is_array() && !reply.empty()) reply = Json(reply[0]);  // of a streaming call
  const Json* error = Member(reply, "error");
  const std::string status = error == nullptr ? "" : TextAt(*error, "status");
  std::string message = error == nullptr ? "" : TextAt(*error, "message");
  for (char& c : message) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  message = StrCat("Firestore answered ", http_status, status.empty() ? "" : " ", status,
                   message.empty() ? "" : ": ", message.substr(0, kMaxMessage));
  static const auto& kCodes = *new std::map<std::string, absl::StatusCode>{
      {"ABORTED", absl::StatusCode::kAborted},
      {"ALREADY_EXISTS", absl::StatusCode::kAlreadyExists},
      {"FAILED_PRECONDITION", absl::StatusCode::kFailedPrecondition},
      {"NOT_FOUND", absl::StatusCode::kNotFound},
      {"INVALID_ARGUMENT", absl::StatusCode::kInvalidArgument},
      {"PERMISSION_DENIED", absl::StatusCode::kPermissionDenied},
      {"UNAUTHENTICATED", absl::StatusCode::kUnauthenticated}};
  if (const auto code = kCodes.find(status); code != kCodes.end()) {
    return absl::Status(code->second, message);
  }
  if (http_status == 401) return absl::UnauthenticatedError(message);
  if (http_status == 403) return absl::PermissionDeniedError(message);
  if (http_status == 404) return absl::NotFoundError(message);
  if (IsRetryableStatus(http_status)) return absl::UnavailableError(message);
  return absl::InternalError(message);
}

}  // namespace millrace::firestore
