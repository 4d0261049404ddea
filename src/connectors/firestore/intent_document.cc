#include "connectors/firestore/intent_document.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/firestore/document_json.h"
#include "pipeline/intent_text.h"

namespace millrace::firestore {
namespace {

// A field that documents of rows do not have, so that a query finds intents only.
constexpr char kDestination[] = "intent_destination";

absl::StatusOr<IntentDocument> ParseDocument(const Json& json) {
  IntentDocument document;
  Intent& intent = document.intent;
  ASSIGN_OR_RETURN(document.updated, TimeAt(json, "updateTime"));
  FieldReader fields(Member(json, "fields"));
  intent.id = fields.Text("intent_id");
  intent.destination = fields.Text(kDestination);
  intent.owner = fields.Text("owner");
  intent.revision = fields.Number("revision");
  document.last_write = fields.Text("last_write");
  const uint64_t lease_ms = fields.Number("lease_ms");
  const std::string content = fields.Text("content");
  RETURN_IF_ERROR(Annotate(fields.status(), TextAt(json, "name")));
  RETURN_IF_ERROR(ParseIntentText(content, intent));
  document.lease = absl::Milliseconds(std::min<uint64_t>(lease_ms, 1ull << 50));
  intent.lease_until = document.updated + document.lease;
  return document;
}

}  // namespace

std::string IntentDocumentId(const std::string& intent) { return StrCat("intent-", intent); }

std::string WriteText(const std::string& name, const IntentDocument& document, Expect expect) {
  const Intent& intent = document.intent;
  Json fields = {
      {"intent_id", TextValue(intent.id)},
      {kDestination, TextValue(intent.destination)},
      {"owner", TextValue(intent.owner)},
      {"lease_ms", IntegerValue(static_cast<uint64_t>(absl::ToInt64Milliseconds(document.lease)))},
      {"revision", IntegerValue(intent.revision)},
      {"content", TextValue(IntentText(intent))},
      {"last_write", TextValue(document.last_write)}};
  return WriteJson(name, std::move(fields), expect == Expect::kAbsent, document.updated).dump();
}

std::string IntentQueryBody(const std::string& collection, const std::string& destination,
                            const std::string& after, size_t limit) {
  const Json filters = Json::array({EqualFilter(kDestination, destination)});
  const Json by_name = {{"field", {{"fieldPath", "__name__"}}}, {"direction", "ASCENDING"}};
  Json query = {{"from", Json::array({Json{{"collectionId", collection}}})},
                {"where", {{"compositeFilter", {{"op", "AND"}, {"filters", filters}}}}},
                {"orderBy", Json::array({by_name})},
                {"limit", limit}};
  if (!after.empty()) {
    query["startAt"] = {{"values", Json::array({Json{{"referenceValue", after}}})},
                        {"before", false}};
  }
  return Json{{"structuredQuery", std::move(query)}}.dump();
}

absl::StatusOr<FoundIntent> ParseIntentResponse(std::string_view body) {
  ASSIGN_OR_RETURN(const Json reply, ParseResponse(body));
  if (!reply.is_array() || reply.size() != 1) return Unexpected("not one document");
  FoundIntent found;
  ASSIGN_OR_RETURN(found.read_time, TimeAt(reply[0], "readTime"));
  if (const Json* document = Member(reply[0], "found"); document != nullptr) {
    ASSIGN_OR_RETURN(found.document, ParseDocument(*document));
  } else if (Member(reply[0], "missing") == nullptr) {
    return Unexpected("a document is neither found nor missing");
  }
  return found;
}

absl::StatusOr<std::vector<IntentDocument>> ParseIntentQueryResponse(std::string_view body) {
  ASSIGN_OR_RETURN(const Json reply, ParseResponse(body));
  if (!reply.is_array()) return Unexpected("no list of results");
  std::vector<IntentDocument> found;
  for (const Json& result : reply) {
    const Json* document = Member(result, "document");
    if (document == nullptr) continue;  // the last one may hold only the time
    ASSIGN_OR_RETURN(found.emplace_back(), ParseDocument(*document));
  }
  return found;
}

}  // namespace millrace::firestore
