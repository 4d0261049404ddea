#include "connectors/firestore/testing/fake_documents.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::firestore {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxDocumentBytes = 1 << 20;
constexpr size_t kMaxWrites = 500;  // in a commit
constexpr absl::Duration kTransactionLife = absl::Seconds(270);

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

absl::Status Invalid(std::string_view what) { return absl::InvalidArgumentError(ToAbsl(what)); }

// InvalidArgument for a member that is not among `names`.
absl::Status OnlyMembers(const Json& object, const std::set<std::string>& names) {
  if (!object.is_object()) return Invalid("an object is expected");
  for (const auto& [name, value] : object.items()) {
    if (!names.contains(name)) return Invalid(StrCat("Unknown name \"", name, "\""));
  }
  return absl::OkStatus();
}

bool IsTime(const Json& text) {
  absl::Time time;
  std::string error;
  return text.is_string() &&
         absl::ParseTime(absl::RFC3339_full, text.get_ref<const std::string&>(), &time, &error);
}

absl::Status CheckValue(const Json& value, bool in_array = false);

absl::Status CheckFields(const Json& fields) {
  if (!fields.is_object()) return Invalid("fields must be an object");
  for (const auto& [name, value] : fields.items()) {
    if (name.empty() || (name.starts_with("__") && name.ends_with("__"))) {
      return Invalid("a field has a reserved name");
    }
    RETURN_IF_ERROR(CheckValue(value));
  }
  return absl::OkStatus();
}

absl::Status CheckValue(const Json& value, bool in_array) {
  if (!value.is_object() || value.size() != 1) return Invalid("a value must have exactly one kind");
  const std::string kind = value.begin().key();
  const Json& content = value.begin().value();
  int64_t number = 0;
  bool good = false;
  if (kind == "stringValue" || kind == "referenceValue" || kind == "bytesValue") {
    good = content.is_string();
  } else if (kind == "integerValue") {
    good = content.is_string() && absl::SimpleAtoi(content.get_ref<const std::string&>(), &number);
  } else if (kind == "booleanValue") {
    good = content.is_boolean();
  } else if (kind == "doubleValue") {
    good = content.is_number();
  } else if (kind == "timestampValue") {
    good = IsTime(content);
  } else if (kind == "nullValue") {
    good = content.is_null();
  } else if (kind == "mapValue") {
    return CheckFields(content.value("fields", Json::object()));
  } else if (kind == "arrayValue" && !in_array) {
    for (const Json& element : content.value("values", Json::array())) {
      RETURN_IF_ERROR(CheckValue(element, /*in_array=*/true));
    }
    good = true;
  }
  return good ? absl::OkStatus() : Invalid(StrCat("a bad value of kind ", kind));
}

// A document's name below `root`: pairs of collection and id.
absl::Status CheckName(const std::string& root, const Json& name) {
  if (!name.is_string()) return Invalid("a document name must be a text");
  const auto& text = name.get_ref<const std::string&>();
  if (!text.starts_with(root + "/")) return Invalid("the document is of another database");
  const std::string path = text.substr(root.size() + 1);
  const bool pairs = std::count(path.begin(), path.end(), '/') % 2 == 1;
  if (!pairs || path.find("//") != std::string::npos || path.ends_with('/')) {
    return Invalid(StrCat(text, " names no document"));
  }
  return absl::OkStatus();
}

// The text by which the fake orders values of the kinds that it can order.
absl::StatusOr<std::string> SortText(const Json& value) {
  if (value.contains("stringValue")) return value["stringValue"].get<std::string>();
  if (value.contains("referenceValue")) return value["referenceValue"].get<std::string>();
  return absl::UnimplementedError("the stand-in orders by texts and names only");
}

}  // namespace

struct FakeDocuments::Document {
  std::string name;
  Json fields;
  absl::Time created;
  absl::Time updated;

  Json AsJson() const {
    return {{"name", name},
            {"fields", fields},
            {"createTime", TimeText(created)},
            {"updateTime", TimeText(updated)}};
  }
};

struct FakeDocuments::Transaction {
  absl::Time begun;
  std::map<std::string, std::optional<absl::Time>> reads;  // by name: the version that was read
};

struct FakeDocuments::Write {
  std::string name;
  std::optional<Json> fields;  // none: deletes
  std::optional<bool> exists;
  std::optional<absl::Time> update_time;
};

FakeDocuments::FakeDocuments(Clock& clock) : clock_(clock) {}
FakeDocuments::~FakeDocuments() = default;

absl::Time FakeDocuments::Now() {
  return absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now())) + ticks_;
}

absl::Time FakeDocuments::Tick() {
  ticks_ += absl::Microseconds(1);
  return Now();
}

std::optional<absl::Time> FakeDocuments::UpdateTimeOf(const std::string& name) const {
  const auto found = documents_.find(name);
  if (found == documents_.end()) return std::nullopt;
  return found->second->updated;
}

absl::StatusOr<FakeDocuments::Write> FakeDocuments::ParseWrite(const std::string& root,
                                                               const Json& write) const {
  RETURN_IF_ERROR(OnlyMembers(write, {"update", "delete", "currentDocument"}));
  if (write.contains("update") == write.contains("delete")) {
    return Invalid("a write must update or delete");
  }
  Write parsed;
  const Json& name =
      write.contains("delete") ? write["delete"] : write["update"].value("name", Json());
  RETURN_IF_ERROR(CheckName(root, name));
  parsed.name = name.get<std::string>();
  if (write.contains("update")) {
    RETURN_IF_ERROR(OnlyMembers(write["update"], {"name", "fields"}));
    parsed.fields = write["update"].value("fields", Json::object());
    RETURN_IF_ERROR(CheckFields(*parsed.fields));
    if (parsed.fields->dump().size() > kMaxDocumentBytes)
      return Invalid("the document is too large");
  }
  if (!write.contains("currentDocument")) return parsed;
  const Json& current = write["currentDocument"];
  RETURN_IF_ERROR(OnlyMembers(current, {"exists", "updateTime"}));
  if (current.size() != 1) return Invalid("a precondition must have exactly one condition");
  if (current.contains("exists")) {
    if (!current["exists"].is_boolean()) return Invalid("exists must be true or false");
    parsed.exists = current["exists"].get<bool>();
    return parsed;
  }
  if (!IsTime(current["updateTime"])) return Invalid("updateTime must be a time");
  std::string error;
  absl::Time time;
  absl::ParseTime(absl::RFC3339_full, current["updateTime"].get<std::string>(), &time, &error);
  parsed.update_time = time;
  return parsed;
}

absl::Status FakeDocuments::CheckPrecondition(const Write& write) const {
  const std::optional<absl::Time> updated = UpdateTimeOf(write.name);
  if (write.exists == false && updated) {
    return absl::AlreadyExistsError(StrCat("Document already exists: ", write.name));
  }
  if ((write.exists == true || write.update_time) && !updated) {
    return absl::NotFoundError(StrCat("No document to update: ", write.name));
  }
  if (write.update_time && *write.update_time != *updated) {
    return absl::FailedPreconditionError(
        StrCat("the stored version (", TimeText(*updated), ") does not match the required one"));
  }
  return absl::OkStatus();
}

Json FakeDocuments::Apply(const Write& write, absl::Time at) {
  if (!write.fields) {
    documents_.erase(write.name);
    return Json::object();
  }
  std::unique_ptr<Document>& document = documents_[write.name];
  if (document == nullptr) {
    document = std::make_unique<Document>(Document{.name = write.name, .created = at});
    document->fields = nullptr;
  }
  // As the real one: a write that changes nothing does not change the time.
  if (document->fields != *write.fields) {
    document->fields = *write.fields;
    document->updated = at;
  }
  return {{"updateTime", TimeText(document->updated)}};
}

absl::Status FakeDocuments::EndTransaction(const std::string& id) {
  const auto found = transactions_.find(id);
  if (found == transactions_.end()) return Invalid("The transaction is unknown or over");
  const std::unique_ptr<Transaction> transaction = std::move(found->second);
  transactions_.erase(found);
  if (Now() > transaction->begun + kTransactionLife) {
    return absl::AbortedError("The transaction has expired");
  }
  for (const auto& [name, version] : transaction->reads) {
    if (UpdateTimeOf(name) != version) {
      return absl::AbortedError("Too much contention on these documents. Please try again.");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> FakeDocuments::Commit(const std::string& root, const Json& request) {
  RETURN_IF_ERROR(OnlyMembers(request, {"writes", "transaction"}));
  std::vector<Write> writes;
  for (const Json& write : request.value("writes", Json::array())) {
    ASSIGN_OR_RETURN(writes.emplace_back(), ParseWrite(root, write));
  }
  if (writes.size() > kMaxWrites) return Invalid("too many writes");
  if (request.contains("transaction")) {
    RETURN_IF_ERROR(EndTransaction(request["transaction"].get<std::string>()));
  }
  for (const Write& write : writes) RETURN_IF_ERROR(CheckPrecondition(write));
  const absl::Time at = Tick();
  Json results = Json::array();
  for (const Write& write : writes) results.push_back(Apply(write, at));
  return Json{{"writeResults", std::move(results)}, {"commitTime", TimeText(at)}};
}

absl::StatusOr<Json> FakeDocuments::BatchWrite(const std::string& root, const Json& request) {
  RETURN_IF_ERROR(OnlyMembers(request, {"writes", "labels"}));
  std::vector<Write> writes;
  std::set<std::string> names;
  for (const Json& write : request.value("writes", Json::array())) {
    ASSIGN_OR_RETURN(writes.emplace_back(), ParseWrite(root, write));
    if (!names.insert(writes.back().name).second) {
      return Invalid("a document may be written once in a batch");
    }
  }
  const absl::Time at = Tick();
  Json results = Json::array(), statuses = Json::array();
  for (const Write& write : writes) {
    const absl::Status status = CheckPrecondition(write);
    results.push_back(status.ok() ? Apply(write, at) : Json::object());
    statuses.push_back(status.ok() ? Json::object()
                                   : Json{{"code", status.raw_code()},
                                          {"message", std::string(ToStd(status.message()))}});
  }
  return Json{{"writeResults", std::move(results)}, {"status", std::move(statuses)}};
}

absl::StatusOr<Json> FakeDocuments::BatchGet(const std::string& root, const Json& request) {
  RETURN_IF_ERROR(OnlyMembers(request, {"documents", "transaction"}));
  Transaction* transaction = nullptr;
  if (request.contains("transaction")) {
    const auto found = transactions_.find(request["transaction"].get<std::string>());
    if (found == transactions_.end()) return Invalid("The transaction is unknown or over");
    transaction = found->second.get();
  }
  const std::string now = TimeText(Now());
  Json results = Json::array();
  for (const Json& name : request.value("documents", Json::array())) {
    RETURN_IF_ERROR(CheckName(root, name));
    const auto found = documents_.find(name.get<std::string>());
    Json result = {{"readTime", now}};
    if (found == documents_.end()) {
      result["missing"] = name;
    } else {
      result["found"] = found->second->AsJson();
    }
    if (transaction != nullptr) {
      transaction->reads[name.get<std::string>()] = UpdateTimeOf(name.get<std::string>());
    }
    results.push_back(std::move(result));
  }
  return results;
}

absl::StatusOr<Json> FakeDocuments::BeginTransaction(const Json& request) {
  RETURN_IF_ERROR(OnlyMembers(request, {"options"}));
  const std::string id = StrCat("dHg", ++begun_);
  transactions_[id] = std::make_unique<Transaction>(Transaction{.begun = Now()});
  return Json{{"transaction", id}};
}

absl::StatusOr<Json> FakeDocuments::Rollback(const Json& request) {
  RETURN_IF_ERROR(OnlyMembers(request, {"transaction"}));
  if (transactions_.erase(request.value("transaction", "")) == 0) {
    return Invalid("The transaction is unknown or over");
  }
  return Json::object();
}

namespace {

// A structured query of the kind that the stand-in supports.
struct Query {
  std::string collection;
  std::vector<std::string> order;  // field names; "__name__"
  std::vector<std::string> start;  // sort texts
  bool before = true;
  size_t limit = SIZE_MAX;
  std::map<std::string, Json> equal;  // fields to values

  bool Fits(const Json& fields) const {
    return std::all_of(equal.begin(), equal.end(), [&](const auto& one) {
      return fields.contains(one.first) && fields[one.first] == one.second;
    });
  }
};

// "where": fields that equal values, joined by AND.
absl::Status ParseWhere(const Json& where, Query& query) {
  RETURN_IF_ERROR(OnlyMembers(where, {"compositeFilter"}));
  const Json composite = where.value("compositeFilter", Json::object());
  RETURN_IF_ERROR(OnlyMembers(composite, {"op", "filters"}));
  if (composite.value("op", "") != "AND") {
    return absl::UnimplementedError("the stand-in joins filters by AND only");
  }
  for (const Json& filter : composite.value("filters", Json::array())) {
    RETURN_IF_ERROR(OnlyMembers(filter, {"fieldFilter"}));
    const Json& field = filter["fieldFilter"];
    RETURN_IF_ERROR(OnlyMembers(field, {"field", "op", "value"}));
    if (field.value("op", "") != "EQUAL") {
      return absl::UnimplementedError("the stand-in compares by EQUAL only");
    }
    RETURN_IF_ERROR(CheckValue(field["value"]));
    query.equal[field["field"].value("fieldPath", "")] = field["value"];
  }
  return absl::OkStatus();
}

absl::StatusOr<Query> ParseQuery(const Json& request) {
  RETURN_IF_ERROR(OnlyMembers(request, {"structuredQuery"}));
  const Json json = request.value("structuredQuery", Json());
  RETURN_IF_ERROR(OnlyMembers(json, {"from", "where", "orderBy", "limit", "startAt"}));
  if (!json.contains("from") || json["from"].size() != 1)
    return Invalid("from one collection only");
  Query query{.collection = json["from"][0].value("collectionId", "")};
  query.limit = json.value("limit", SIZE_MAX);
  if (json.contains("where")) RETURN_IF_ERROR(ParseWhere(json["where"], query));
  for (const Json& order : json.value("orderBy", Json::array())) {
    if (order.value("direction", "ASCENDING") != "ASCENDING") {
      return absl::UnimplementedError("the stand-in orders upwards only");
    }
    query.order.push_back(order["field"].value("fieldPath", ""));
  }
  if (query.order.empty() || query.order.back() != "__name__") query.order.push_back("__name__");
  if (json.contains("startAt")) {
    const Json& start = json["startAt"];
    RETURN_IF_ERROR(OnlyMembers(start, {"values", "before"}));
    query.before = start.value("before", false);
    for (const Json& value : start["values"]) {
      ASSIGN_OR_RETURN(query.start.emplace_back(), SortText(value));
    }
    if (query.start.size() > query.order.size()) return Invalid("more cursor values than orders");
  }
  return query;
}

}  // namespace

absl::StatusOr<Json> FakeDocuments::RunQuery(const std::string& root, const Json& request) {
  ASSIGN_OR_RETURN(const Query query, ParseQuery(request));
  const std::string prefix = StrCat(root, "/", query.collection, "/");
  std::vector<std::pair<std::vector<std::string>, const Document*>> found;
  for (const auto& [name, document] : documents_) {
    if (!name.starts_with(prefix) || name.find('/', prefix.size()) != std::string::npos) continue;
    if (!query.Fits(document->fields)) continue;
    std::vector<std::string> key;
    for (const std::string& field : query.order) {
      if (field == "__name__") {
        key.push_back(name);
      } else if (document->fields.contains(field)) {
        ASSIGN_OR_RETURN(key.emplace_back(), SortText(document->fields[field]));
      }
    }
    if (key.size() < query.order.size()) continue;  // without the field it is not in the index
    const std::vector<std::string> head(key.begin(), key.begin() + query.start.size());
    if (query.before ? head < query.start : !query.start.empty() && head <= query.start) continue;
    found.emplace_back(std::move(key), document.get());
  }
  std::sort(found.begin(), found.end());
  if (found.size() > query.limit) found.resize(query.limit);
  Json results = Json::array();
  const std::string now = TimeText(Now());
  for (const auto& [key, document] : found) {
    results.push_back({{"document", document->AsJson()}, {"readTime", now}});
  }
  if (results.empty()) results.push_back({{"readTime", now}});
  return results;
}

}  // namespace millrace::firestore
