// intent = {"parts": [text...], "spans": [span...]}
// span   = {"object", "version", "config": text, "row", "byte", "read", "accepted", "rejected",
//           "filtered", "events": number, "state": "open" or "done", "error": text}
// text   = a string, or {"base64": a string} if it is not UTF-8
// A number that is 0 and an empty error are omitted.
#include "pipeline/intent_text.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 4;  // the document, "spans", a span, a text in base64

// The numbers of a span by name, for both directions.
template <typename Span, typename Visit>
void ForEachNumber(Span& span, Visit visit) {
  visit("row", span.after.row);
  visit("byte", span.after.byte);
  visit("read", span.counts.read);
  visit("accepted", span.counts.accepted);
  visit("rejected", span.counts.rejected);
  visit("filtered", span.counts.filtered);
  visit("events", span.counts.events);
}

Json TextJson(const std::string& text) {
  if (IsWellFormedUtf8(text)) return text;
  return {{"base64", absl::Base64Escape(text)}};
}

Json SpanJson(const IntentSpan& span) {
  Json json = {{"object", TextJson(span.object.object)},
               {"version", TextJson(span.object.version)},
               {"config", TextJson(span.object.config)},
               {"state", span.state == LedgerState::kDone ? "done" : "open"}};
  ForEachNumber(span, [&](const char* name, uint64_t number) {
    if (number != 0) json[name] = number;
  });
  if (!span.last_error.empty()) json["error"] = TextJson(span.last_error);
  return json;
}

// Of `text` in JSON, at most.
size_t TextBytes(std::string_view text) {
  constexpr size_t kAround = sizeof(R"({"base64":""},)");
  if (!IsWellFormedUtf8(text)) return kAround + (text.size() + 2) / 3 * 4;
  size_t bytes = kAround + text.size();
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    bytes += byte < 0x20 || byte == 0x7f ? 5 : c == '"' || c == '\\' ? 1 : 0;  // \u001f, \"
  }
  return bytes;
}

bool ReadText(const Json* json, std::string& text) {
  if (json == nullptr) return false;
  if (json->is_string()) {
    text = json->get<std::string>();
    return true;
  }
  if (!json->is_object() || json->size() != 1) return false;
  const auto encoded = json->find("base64");
  return encoded != json->end() && encoded->is_string() &&
         absl::Base64Unescape(encoded->get_ref<const std::string&>(), &text);
}

const Json* Member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

bool ReadSpan(const Json& json, IntentSpan& span) {
  if (!json.is_object() || !ReadText(Member(json, "object"), span.object.object) ||
      !ReadText(Member(json, "version"), span.object.version) ||
      !ReadText(Member(json, "config"), span.object.config)) {
    return false;
  }
  std::string state;
  if (!ReadText(Member(json, "state"), state) || (state != "done" && state != "open")) return false;
  span.state = state == "done" ? LedgerState::kDone : LedgerState::kOpen;
  bool good = true;
  ForEachNumber(span, [&](const char* name, uint64_t& number) {
    const Json* member = Member(json, name);
    if (member == nullptr) return;
    good = good && member->is_number_unsigned();
    if (good) number = member->get<uint64_t>();
  });
  const Json* error = Member(json, "error");
  return good && (error == nullptr || ReadText(error, span.last_error));
}

}  // namespace

absl::Status OpenCommitOfAnotherMethod(const LedgerKey& object, const std::string& id) {
  return absl::FailedPreconditionError(
      StrCat(object.object, ": the commit ", id, " of an earlier run is open, and only its own ",
             "method can finish it: run the command once more with the DEST of that run"));
}

size_t Intent::Bytes() const {
  constexpr size_t kAround = sizeof(R"({"parts":[],"spans":[]})");
  constexpr size_t kSpan = sizeof(R"({"object":,"version":,"config":,"state":"open","error":},)");
  constexpr size_t kNumber = sizeof(R"("":18446744073709551615,)");
  size_t bytes = kAround + id.size() + destination.size() + owner.size();
  for (const std::string& part : parts) bytes += TextBytes(part);
  for (const IntentSpan& span : spans) {
    bytes += kSpan + TextBytes(span.object.object) + TextBytes(span.object.version) +
             TextBytes(span.object.config) + TextBytes(span.last_error);
    ForEachNumber(span, [&](std::string_view name, uint64_t number) {
      if (number != 0) bytes += name.size() + kNumber;
    });
  }
  return bytes;
}

std::string IntentText(const Intent& intent) {
  Json parts = Json::array(), spans = Json::array();
  for (const std::string& part : intent.parts) parts.push_back(TextJson(part));
  for (const IntentSpan& span : intent.spans) spans.push_back(SpanJson(span));
  return Json{{"parts", std::move(parts)}, {"spans", std::move(spans)}}.dump();
}

absl::Status ParseIntentText(std::string_view text, Intent& intent) {
  const auto damaged = [&](std::string_view what) {
    return absl::DataLossError(
        StrCat("the announced commit ", intent.id, " is damaged in the ledger: ", what));
  };
  bool too_deep = false;
  const auto bound = [&](int depth, Json::parse_event_t, const Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return depth <= kMaxDepth;
  };
  const Json json = Json::parse(text, bound, /*allow_exceptions=*/false);
  if (!json.is_object() || too_deep) return damaged("it is not a JSON object of bounded depth");
  const Json* parts = Member(json, "parts");
  const Json* spans = Member(json, "spans");
  if (parts == nullptr || !parts->is_array()) return damaged("it has no parts");
  if (spans == nullptr || !spans->is_array() || spans->empty() || spans->size() > kMaxIntentSpans) {
    return damaged("the number of its objects");
  }
  intent.parts.clear();
  intent.spans.clear();
  for (const Json& part : *parts) {
    if (!ReadText(&part, intent.parts.emplace_back())) return damaged("the name of a part");
  }
  std::set<LedgerKey> keys;
  for (const Json& span : *spans) {
    IntentSpan& read = intent.spans.emplace_back();
    if (!ReadSpan(span, read)) return damaged("one of its objects");
    read.object.destination = intent.destination;
    if (!keys.insert(read.object).second) return damaged("it has an object twice");
  }
  return absl::OkStatus();
}

}  // namespace millrace
