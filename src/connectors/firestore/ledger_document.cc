#include "connectors/firestore/ledger_document.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "net/http_status.h"

namespace millrace::firestore {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxMessage = 300;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

Json Text(std::string_view text) { return {{"stringValue", ToValidUtf8(text)}}; }
Json Integer(uint64_t number) { return {{"integerValue", StrCat(number)}}; }

Json FieldsOf(const LedgerDocument& document) {
  const LedgerEntry& entry = document.entry;
  return {{"object", Text(entry.key.object)},
          {"version", Text(entry.key.version)},
          {"config", Text(entry.key.config)},
          {"destination", Text(entry.key.destination)},
          {"state", Text(entry.state == LedgerState::kDone ? "done" : "open")},
          {"position_row", Integer(entry.position.row)},
          {"position_byte", Integer(entry.position.byte)},
          {"rows_read", Integer(entry.counts.read)},
          {"rows_accepted", Integer(entry.counts.accepted)},
          {"rows_rejected", Integer(entry.counts.rejected)},
          {"rows_filtered", Integer(entry.counts.filtered)},
          {"events_accepted", Integer(entry.counts.events)},
          {"owner", Text(entry.owner)},
          {"lease_ms", Integer(static_cast<uint64_t>(absl::ToInt64Milliseconds(document.lease)))},
          {"last_error", Text(entry.last_error)},
          {"object_bytes", Integer(entry.object_bytes)},
          {"revision", Integer(entry.revision)},
          {"mapping_version", Integer(entry.mapping_version)},
          {"config_parts", Text(entry.config_parts)},
          {"maybe_sent", Integer(entry.maybe_sent ? 1 : 0)},
          {"last_write", Text(document.last_write)}};
}

absl::Status Unexpected(std::string_view what) {
  return absl::DataLossError(StrCat("the answer of Firestore is not what its API gives: ", what));
}

absl::StatusOr<Json> Parse(std::string_view body) {
  Json reply = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (reply.is_discarded()) return Unexpected("it is not JSON");
  return reply;
}

const Json* Member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string TextAt(const Json& object, const char* key) {
  const Json* text = Member(object, key);
  return text != nullptr && text->is_string() ? text->get<std::string>() : "";
}

absl::StatusOr<absl::Time> TimeAt(const Json& object, const char* key) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, TextAt(object, key), &time, &error)) {
    return Unexpected(StrCat("no ", key));
  }
  return time;
}

// Reads members of "fields"; the first that is not there stays as the status.
class FieldReader {
 public:
  explicit FieldReader(const Json* fields) : fields_(fields) {}

  std::string Text(const char* name) {
    const Json* value = Value(name, "stringValue");
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    Miss(name);
    return "";
  }
  uint64_t Number(const char* name) {
    const Json* value = Value(name, "integerValue");
    uint64_t number = 0;
    if (value == nullptr || !value->is_string() ||
        !absl::SimpleAtoi(value->get_ref<const std::string&>(), &number)) {
      Miss(name);
    }
    return number;
  }
  bool Has(const char* name) const {
    return fields_ != nullptr && Member(*fields_, name) != nullptr;
  }
  const absl::Status& status() const { return status_; }

 private:
  const Json* Value(const char* name, const char* kind) const {
    const Json* field = fields_ == nullptr ? nullptr : Member(*fields_, name);
    return field == nullptr ? nullptr : Member(*field, kind);
  }
  void Miss(const char* name) {
    if (status_.ok()) {
      status_ = absl::DataLossError(StrCat("a document has no ", name, " as Millrace writes it"));
    }
  }

  const Json* const fields_;
  absl::Status status_;
};

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
  entry.owner = fields.Text("owner");
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

std::string WriteBody(const std::string& name, const LedgerDocument& document, Expect expect) {
  Json expected = expect == Expect::kAbsent
                      ? Json{{"exists", false}}
                      : Json{{"updateTime", TimeText(document.entry.updated)}};
  const Json write = {{"update", {{"name", name}, {"fields", FieldsOf(document)}}},
                      {"currentDocument", std::move(expected)}};
  return Json{{"writes", Json::array({write})}}.dump();
}

std::string DeleteBody(const std::string& name, std::optional<absl::Time> updated) {
  Json write = {{"delete", name}};
  if (updated) write["currentDocument"] = {{"updateTime", TimeText(*updated)}};
  return Json{{"writes", Json::array({std::move(write)})}}.dump();
}

std::string GetBody(const std::string& name) {
  return Json{{"documents", Json::array({name})}}.dump();
}

std::string QueryBody(const std::string& collection, const LedgerDocument* after, size_t limit) {
  const auto order = [](const char* field) {
    return Json{{"field", {{"fieldPath", field}}}, {"direction", "ASCENDING"}};
  };
  Json query = {{"from", Json::array({Json{{"collectionId", collection}}})},
                {"orderBy", Json::array({order("object"), order("__name__")})},
                {"limit", limit}};
  if (after != nullptr) {
    query["startAt"] = {{"values", Json::array({Text(after->entry.key.object),
                                                Json{{"referenceValue", after->name}}})},
                        {"before", false}};
  }
  return Json{{"structuredQuery", std::move(query)}}.dump();
}

std::string ObjectQueryBody(const std::string& collection, const LedgerKey& key) {
  const auto equal = [](const char* field, const std::string& text) {
    return Json{{"fieldFilter",
                 {{"field", {{"fieldPath", field}}}, {"op", "EQUAL"}, {"value", Text(text)}}}};
  };
  const Json both = Json::array({equal("object", key.object), equal("version", key.version)});
  const Json query = {{"from", Json::array({Json{{"collectionId", collection}}})},
                      {"where", {{"compositeFilter", {{"op", "AND"}, {"filters", both}}}}}};
  return Json{{"structuredQuery", query}}.dump();
}

absl::StatusOr<Found> ParseGetResponse(std::string_view body) {
  ASSIGN_OR_RETURN(const Json reply, Parse(body));
  if (!reply.is_array() || reply.empty()) return Unexpected("no list of documents");
  Found found;
  ASSIGN_OR_RETURN(found.read_time, TimeAt(reply[0], "readTime"));
  if (const Json* document = Member(reply[0], "found"); document != nullptr) {
    ASSIGN_OR_RETURN(found.document, ParseDocument(*document));
  } else if (Member(reply[0], "missing") == nullptr) {
    return Unexpected("a document is neither found nor missing");
  }
  return found;
}

absl::StatusOr<absl::Time> ParseCommitResponse(std::string_view body) {
  ASSIGN_OR_RETURN(const Json reply, Parse(body));
  const Json* results = Member(reply, "writeResults");
  if (results == nullptr || !results->is_array() || results->size() != 1) {
    return Unexpected("no one writeResult");
  }
  return TimeAt((*results)[0], "updateTime");
}

absl::StatusOr<QueryResult> ParseQueryResponse(std::string_view body) {
  ASSIGN_OR_RETURN(const Json reply, Parse(body));
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
