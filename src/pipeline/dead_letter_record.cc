// record  = "{" field *("," field) "}" LF
// field   = id time source version row config destination code field reason partial, and for the
//           two payloads: payload_before, payload_after, each with *_bytes if it was truncated.
// An empty text is omitted. One that is not UTF-8 has its name + "_base64".
#include "pipeline/dead_letter_record.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%E6SZ";

void AppendText(ByteBuffer& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  const bool utf8 = IsWellFormedUtf8(text);
  out.Append(",\"");
  out.Append(name);
  out.Append(utf8 ? "\":" : "_base64\":");
  if (utf8) {
    AppendJsonString(out, text);
  } else {
    AppendJsonBase64(out, text);
  }
}

// `size`: of the whole payload, if `payload` is already truncated.
void AppendPayload(ByteBuffer& out, std::string_view name, std::string_view payload, uint64_t size,
                   size_t max) {
  AppendText(out, name, CutUtf8(payload, max));
  size = std::max<uint64_t>(size, payload.size());
  if (payload.size() <= max && size == payload.size()) return;
  out.Append(",\"");
  out.Append(name);
  out.Append("_bytes\":");
  AppendJsonUint(out, size);
}

absl::Status Wrong(std::string_view name) {
  return absl::DataLossError(StrCat("not a dead letter: ", name, " is missing or wrong"));
}

absl::StatusOr<uint64_t> ReadNumber(const Json& record, const char* name, uint64_t missing) {
  const auto found = record.find(name);
  if (found == record.end()) return missing;
  if (!found->is_number_unsigned()) return Wrong(name);
  return found->get<uint64_t>();
}

absl::Status ReadText(const Json& record, const std::string& name, std::string& text) {
  if (const auto found = record.find(name); found != record.end()) {
    if (!found->is_string()) return Wrong(name);
    text = found->get<std::string>();
    return absl::OkStatus();
  }
  const auto encoded = record.find(name + "_base64");
  if (encoded == record.end()) return absl::OkStatus();
  if (!encoded->is_string() ||
      !absl::Base64Unescape(encoded->get_ref<const std::string&>(), &text)) {
    return Wrong(name);
  }
  return absl::OkStatus();
}

}  // namespace

std::string DeadLetterFileId(const LedgerKey& object) {
  std::string parts;
  for (const std::string* part :
       {&object.object, &object.version, &object.config, &object.destination}) {
    StrAppend(&parts, part->size(), ":", *part);
  }
  return ToHex(HashBytes(parts)).substr(0, 16);
}

std::string DeadLetterRecord::id() const {
  return StrCat(DeadLetterFileId(object), "-", rejection.source_row + 1);
}

void AppendDeadLetter(ByteBuffer& out, const LedgerKey& object, const Rejection& rejection,
                      absl::Time time, size_t max_payload_bytes) {
  out.Append("{\"id\":\"");
  out.Append(DeadLetterFileId(object));
  out.Append("-");
  AppendJsonUint(out, rejection.source_row + 1);
  out.Append("\",\"time\":\"");
  out.Append(absl::FormatTime(kTimeFormat, time, absl::UTCTimeZone()));
  out.Append("\",\"row\":");
  AppendJsonUint(out, rejection.source_row + 1);
  AppendText(out, "source", object.object);
  AppendText(out, "version", object.version);
  AppendText(out, "config", object.config);
  AppendText(out, "destination", object.destination);
  AppendText(out, "code", rejection.code);
  AppendText(out, "field", CutUtf8(rejection.field, kMaxMessageBytes));
  AppendText(out, "reason", CutUtf8(rejection.message, kMaxMessageBytes));
  if (rejection.partial) out.Append(",\"partial\":true");
  AppendPayload(out, "payload_before", rejection.payload_before, rejection.payload_before_bytes,
                max_payload_bytes);
  AppendPayload(out, "payload_after", rejection.payload_after, 0, max_payload_bytes);
  out.Append("}\n");
}

absl::StatusOr<DeadLetterRecord> ParseDeadLetter(std::string_view line) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::DataLossError("not a dead letter: not a JSON object");
  DeadLetterRecord record;
  ASSIGN_OR_RETURN(const uint64_t row, ReadNumber(json, "row", 0));
  if (row == 0) return Wrong("row");
  record.rejection.source_row = row - 1;
  std::string time;
  RETURN_IF_ERROR(ReadText(json, "time", time));
  if (!absl::ParseTime(absl::RFC3339_full, time, &record.time, nullptr)) return Wrong("time");
  RETURN_IF_ERROR(ReadText(json, "source", record.object.object));
  RETURN_IF_ERROR(ReadText(json, "version", record.object.version));
  RETURN_IF_ERROR(ReadText(json, "config", record.object.config));
  RETURN_IF_ERROR(ReadText(json, "destination", record.object.destination));
  RETURN_IF_ERROR(ReadText(json, "code", record.rejection.code));
  RETURN_IF_ERROR(ReadText(json, "field", record.rejection.field));
  RETURN_IF_ERROR(ReadText(json, "reason", record.rejection.message));
  const auto partial = json.find("partial");
  record.rejection.partial = partial != json.end() && *partial == true;
  RETURN_IF_ERROR(ReadText(json, "payload_before", record.rejection.payload_before));
  RETURN_IF_ERROR(ReadText(json, "payload_after", record.rejection.payload_after));
  ASSIGN_OR_RETURN(record.payload_before_bytes, ReadNumber(json, "payload_before_bytes", 0));
  ASSIGN_OR_RETURN(record.payload_after_bytes, ReadNumber(json, "payload_after_bytes", 0));
  return record;
}

}  // namespace millrace
