#include "proxy/enrich.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/json_writer.h"
#include "base/strings.h"
#include "formats/id_text.h"
#include "proxy/insert_ids.h"
#include "proxy/object_members.h"
#include "proxy/record_scan.h"
#include "proxy/usual_event.h"
#include "records/record_time.h"
#include "sdk/body_decoder.h"
#include "sdk/record_splitter.h"

namespace millrace::proxy {
namespace {

using Place = RecordScan::Place;

constexpr size_t kMaxOperations = 64;           // as records/record_parser.h
constexpr size_t kMaxBlankBytes = 1 << 20;      // of a record before it is made canonical
constexpr size_t kKeptBytes = size_t{1} << 20;  // of a buffer that Trim() leaves

constexpr std::string_view kUnreadable = "unreadable_row";
constexpr std::string_view kMissingField = "missing_required_field";

bool IsBlankByte(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// $identify, $create_alias and $merge join identities and have no time of their own.
bool JoinsIdentities(std::string_view name) {
  return name == "$identify" || name == "$create_alias" || name == "$merge";
}

// The text of a string or number that is an id.
bool IsId(const Member& member) {
  switch (member.value.kind) {
    case Value::Kind::kJsonText:
      return !TrimBlanks(member.value.text).empty();
    case Value::Kind::kInt:
    case Value::Kind::kUint:
    case Value::Kind::kNumber:
      return true;
    default:
      return false;
  }
}

}  // namespace

class Enricher::Impl {
 public:
  explicit Impl(EnrichOptions options) : options_(options) {}

  bool Enrich(std::string_view text, const EnrichRequest& request, EnrichedRecords* out);
  void Trim();

 private:
  bool TakeWhole(std::string_view text);
  void TakeEach(std::string_view text);
  void TakeOne(std::string_view text);
  // Takes the record at `at` and writes or rejects it; `source` is the text it was copied from.
  // Null: it is not JSON.
  Place TakeRecord(Place at, std::string_view source);

  bool WriteEvent();
  bool WriteUpdate();
  bool CheckEvent();
  bool CheckTime();
  bool CheckUpdate();
  bool CheckToken();
  bool CheckKeys();
  bool CheckId(RecordRoles::Index id, std::string_view name);
  bool CheckSize(size_t begin);
  bool RejectSize(size_t bytes);
  void WriteMembers();
  void WriteProperties();
  void WriteMillis(MemberWriter& writer, const Member& time);
  void WriteToken(MemberWriter& writer, std::string_view key);
  std::string_view TokenText();
  bool HasToken() const { return roles().token && IsId(TokenMember()); }
  const Member& TokenMember() const {
    return is_event() ? Property(*roles().token) : Top(*roles().token);
  }
  const RecordRoles& roles() const { return scan_.roles(); }
  const Member& Top(size_t index) const { return scan_.top().members()[index]; }
  const Member& Property(size_t index) const { return scan_.properties().members()[index]; }

  bool is_event() const { return request_->type == RecordType::kEvent; }
  std::string_view new_token() const {
    if (request_->tokens != nullptr && !request_->tokens->replacement.empty()) {
      return request_->tokens->replacement;
    }
    return HasToken() ? std::string_view() : request_->default_token;
  }
  bool Reject(std::string_view code, std::string field, std::string message);
  void AddRejected(std::string_view source);

  const EnrichOptions options_;
  RecordScan scan_;
  InsertIds ids_;
  bool too_many_ = false;
  ByteBuffer scratch_;
  ByteBuffer token_scratch_;
  std::vector<std::string_view> records_;

  const EnrichRequest* request_ = nullptr;
  EnrichedRecords* out_ = nullptr;
  RejectedRecord rejected_;
  // Of the event that is written:
  int64_t unix_micros_ = 0;     // when it happened
  bool is_usual_ = false;       // see IsUsualEvent()
  std::string_view insert_id_;  // see InsertIds::Choose()
};

bool Enricher::Impl::Enrich(std::string_view text, const EnrichRequest& request,
                            EnrichedRecords* out) {
  request_ = &request;
  out_ = out;
  ids_.Begin();
  text = TrimBlanks(text);
  if (text.empty()) return true;
  too_many_ = false;
  if (text.size() <= options_.max_whole_bytes && TakeWhole(text)) return true;
  if (!too_many_) TakeEach(text);
  return !too_many_;
}

// All records along one index. False, with nothing taken, if the text is not JSON.
bool Enricher::Impl::TakeWhole(std::string_view text) {
  if (scan_.Begin(text) != JsonIndex::Result::kOk) return false;
  const size_t size = text.size();
  const size_t lines = out_->lines.size(), rejected = out_->rejected.size();
  const uint32_t count = out_->count;
  const uint64_t received = out_->received;
  Place at = scan_.first();
  const bool is_array = scan_.TokenAt(at) == '[';
  if (is_array) ++at;
  bool ok = true;
  const bool is_empty = is_array && scan_.TokenAt(at) == ']';
  while (ok && !is_empty) {
    at = TakeRecord(at, text);
    too_many_ = out_->received - received > options_.max_records;
    ok = at != nullptr && !too_many_;
    if (!ok || (is_array ? scan_.TokenAt(at) != ',' : *at >= size)) break;
    if (is_array) ++at;
  }
  if (ok && is_array) ok = scan_.TokenAt(at) == ']' && *++at >= size;
  if (ok) return true;
  out_->lines.Truncate(lines);
  out_->rejected.resize(rejected);
  out_->count = count;
  out_->received = received;
  ids_.Begin();
  return false;
}

// Each record by itself, so that a damaged one does not affect the others.
void Enricher::Impl::TakeEach(std::string_view text) {
  records_.clear();
  const absl::Status split = sdk::SplitRecords(text, &records_, options_.max_records);
  too_many_ = absl::IsResourceExhausted(split);
  if (too_many_) return;
  for (const std::string_view record : records_) TakeOne(record);
  if (split.ok()) return;
  // The rest, after the records that are whole. Empty ones have no place.
  std::string_view rest = text;
  const auto last = std::find_if(records_.rbegin(), records_.rend(),
                                 [](std::string_view record) { return !record.empty(); });
  if (last != records_.rend()) {
    rest.remove_prefix(static_cast<size_t>(last->data() + last->size() - text.data()));
  }
  Reject(kUnreadable, "", std::string(ToStd(split.message())));
  AddRejected(rest);
}

void Enricher::Impl::TakeOne(std::string_view text) {
  if (text.size() > options_.max_record_bytes + kMaxBlankBytes) {
    RejectSize(text.size());
    return AddRejected(text);
  }
  if (text.empty()) {  // [{},]
    Reject(kUnreadable, "", "the record is empty");
    return AddRejected(text);
  }
  JsonIndex::Result indexed = scan_.Begin(text);
  if (indexed == JsonIndex::Result::kNotUtf8) {
    indexed = scan_.Begin(sdk::FromCesu8(std::string(text)));
  }
  if (indexed == JsonIndex::Result::kOk) {
    const uint64_t received = out_->received;
    const size_t lines = out_->lines.size(), rejected = out_->rejected.size();
    const uint32_t count = out_->count;
    const Place end = TakeRecord(scan_.first(), text);
    if (end != nullptr && *end >= scan_.size()) return;
    if (end != nullptr) scan_.FailAfterRecord(end);
    out_->received = received;
    out_->lines.Truncate(lines);
    out_->rejected.resize(rejected);
    out_->count = count;
  }
  const std::string_view why = indexed == JsonIndex::Result::kOk ? scan_.fault()
                               : indexed == JsonIndex::Result::kNotUtf8
                                   ? "string should be valid utf8"
                                   : "a string is not closed, or has a control "
                                     "character that is not escaped";
  Reject(kUnreadable, "", StrCat("the record is not valid JSON: ", why));
  AddRejected(text);
}

Place Enricher::Impl::TakeRecord(Place at, std::string_view source) {
  const size_t begin = *at;
  const Place next = scan_.Take(at, request_->type);
  if (next == nullptr) return nullptr;
  bool is_written = false;
  if (!scan_.is_object()) {
    Reject(kUnreadable, "", "the record is not a JSON object");
  } else {
    is_written = is_event() ? WriteEvent() : WriteUpdate();
  }
  if (is_written) {
    ++out_->count;
    ++out_->received;
    return next;
  }
  // A repaired record has another size than its source, which is then one record.
  size_t end = std::min<size_t>(*next, source.size());
  while (end > begin && IsBlankByte(source[end - 1])) --end;
  const bool is_all = scan_.size() != source.size();
  AddRejected(is_all ? source : source.substr(begin, end - begin));
  return next;
}

bool Enricher::Impl::Reject(std::string_view code, std::string field, std::string message) {
  rejected_ = {.code = code, .field = std::move(field), .message = std::move(message)};
  return false;
}

void Enricher::Impl::AddRejected(std::string_view source) {
  rejected_.index = out_->received++;
  rejected_.text = source;
  out_->rejected.push_back(std::move(rejected_));
}

std::string_view Enricher::Impl::TokenText() {
  if (!HasToken()) return request_->default_token;
  const Value& value = TokenMember().value;
  if (value.kind == Value::Kind::kJsonText && value.text.find('\\') == std::string_view::npos) {
    return value.text;
  }
  return IdTextOfAny(value, token_scratch_);
}

bool Enricher::Impl::CheckToken() {
  if (request_->tokens == nullptr || request_->tokens->Accepts(TokenText())) return true;
  return Reject("token_refused", is_event() ? "properties.token" : "$token",
                "the proxy does not accept this token");
}

bool Enricher::Impl::CheckKeys() {
  if (!roles().has_too_many_keys) return true;
  return Reject("too_many_properties", "",
                StrCat("an object of the record has more than ", ObjectMembers::kMaxKeys, " keys"));
}

bool Enricher::Impl::CheckEvent() {
  if (!CheckKeys()) return false;
  const Member* const event = roles().event ? &Top(*roles().event) : nullptr;
  if (event == nullptr || event->value.is_null()) {
    return Reject("missing_event_name", "event", "'event' must not be missing or blank");
  }
  if (event->value.kind != Value::Kind::kJsonText) {
    return Reject("missing_event_name", "event", "'event' is invalid: must be a string");
  }
  if (TrimBlanks(event->value.text).empty()) {
    return Reject("missing_event_name", "event", "'event' must not be missing or blank");
  }
  const bool has_properties = roles().properties && Top(*roles().properties).raw.starts_with('{');
  if (!has_properties) {
    return Reject(kMissingField, "properties", "'properties' must be an object");
  }
  return CheckToken() && CheckTime();
}

bool Enricher::Impl::CheckTime() {
  if (roles().time) {
    if (const std::optional<int64_t> micros = UnixMicros(Property(*roles().time).value)) {
      unix_micros_ = *micros;
      return true;
    }
    return Reject("invalid_time", "properties.time",
                  "'properties.time' is invalid: must be specified as seconds since epoch");
  }
  unix_micros_ = request_->unix_millis * 1000;
  if (!request_->requires_time || JoinsIdentities(Top(*roles().event).value.text)) return true;
  return Reject("invalid_time", "properties.time", "'properties.time' must not be missing");
}

bool Enricher::Impl::WriteEvent() {
  ByteBuffer& lines = out_->lines;
  const size_t begin = lines.size();
  if (!CheckEvent()) {
    rejected_.insert_id = ids_.TextOf(scan_);
    return false;
  }
  insert_id_ = ids_.Choose(scan_);
  is_usual_ = IsUsualEvent(scan_, unix_micros_, request_->unix_millis);
  out_->are_mapped = out_->are_mapped && is_usual_;
  if (is_usual_) {
    lines.Append("{\"event\":");
    lines.Append(Top(*roles().event).raw);
    lines.Append(",\"properties\":");
    WriteProperties();
  } else {
    lines.Append('{');
    WriteMembers();
  }
  lines.Append("}\n");
  return CheckSize(begin);
}

// The members of an event.
void Enricher::Impl::WriteMembers() {
  MemberWriter writer(out_->lines);
  for (size_t i = 0; i < scan_.top().members().size(); ++i) {
    const Member& member = Top(i);
    if (member.is_dropped) continue;
    if (i == *roles().properties) {
      writer.Begin(member);
      WriteProperties();
    } else {
      writer.Write(member);
    }
  }
}

// Of the line that begins at `begin`, which is removed if it is too large.
bool Enricher::Impl::CheckSize(size_t begin) {
  const size_t bytes = out_->lines.size() - begin - 1;
  if (bytes <= options_.max_record_bytes) return true;
  out_->lines.Truncate(begin);
  return RejectSize(bytes);
}

bool Enricher::Impl::RejectSize(size_t bytes) {
  return Reject("event_too_large", "",
                StrCat("the record has ", bytes, " bytes, and at most ", options_.max_record_bytes,
                       " are accepted"));
}

void Enricher::Impl::WriteProperties() {
  ByteBuffer& lines = out_->lines;
  lines.Append('{');
  {
    MemberWriter writer(lines);
    const std::string_view token = new_token();
    for (size_t i = 0; i < scan_.properties().members().size(); ++i) {
      const Member& member = Property(i);
      const bool is_replaced = i == roles().blank_time || (i == roles().token && !token.empty()) ||
                               (i == roles().insert_id && !insert_id_.empty());
      if (member.is_dropped || is_replaced || (is_usual_ && member.value.is_null())) continue;
      if (is_usual_ && i == roles().time) {
        WriteMillis(writer, member);
      } else {
        writer.Write(member);
      }
    }
    const bool needs_no_time =
        request_->requires_time && JoinsIdentities(Top(*roles().event).value.text);
    if (!roles().time && !needs_no_time) {
      scratch_.clear();
      AppendJsonInt(scratch_, request_->unix_millis);
      writer.Add("time", scratch_.view());
    }
    if (!roles().ip && !request_->address.empty()) writer.AddText("ip", request_->address);
    WriteToken(writer, "token");
    if (!insert_id_.empty()) writer.AddText("$insert_id", insert_id_);
  }
  lines.Append('}');
}

// Of a usual event.
void Enricher::Impl::WriteMillis(MemberWriter& writer, const Member& time) {
  const int64_t millis = unix_micros_ / 1000;
  if (time.value.kind == Value::Kind::kInt && time.value.integer == millis) {
    return writer.Write(time);
  }
  scratch_.clear();
  AppendJsonInt(scratch_, millis);
  writer.WriteValue(time, scratch_.view());
}

void Enricher::Impl::WriteToken(MemberWriter& writer, std::string_view key) {
  const std::string_view token = new_token();
  if (token.empty()) return;
  scratch_.clear();
  AppendJsonString(scratch_, token);
  writer.Add(key, scratch_.view());
}

bool Enricher::Impl::CheckId(RecordRoles::Index id, std::string_view name) {
  if (id && IsId(Top(*id))) return true;
  return Reject(kMissingField, std::string(name), StrCat(name, ", missing or empty"));
}

bool Enricher::Impl::CheckUpdate() {
  if (!CheckKeys()) return false;
  if (roles().operations > kMaxOperations) {
    return Reject("invalid_value", "",
                  StrCat("the update has more than ", kMaxOperations, " operations"));
  }
  if (request_->type == RecordType::kUser) {
    if (!CheckId(roles().id, "$distinct_id")) return false;
  } else if (!CheckId(roles().group_key, "$group_key") || !CheckId(roles().group_id, "$group_id")) {
    return false;
  }
  return CheckToken();
}

bool Enricher::Impl::WriteUpdate() {
  out_->are_mapped = false;
  if (!CheckUpdate()) return false;
  ByteBuffer& lines = out_->lines;
  const size_t begin = lines.size();
  const std::string_view token = new_token();
  lines.Append('{');
  {
    MemberWriter writer(lines);
    for (size_t i = 0; i < scan_.top().members().size(); ++i) {
      const Member& member = Top(i);
      if (member.is_dropped || (i == roles().token && !token.empty())) continue;
      writer.Write(member);
    }
    const bool adds_ip = request_->type == RecordType::kUser && !roles().ip;
    if (adds_ip && !request_->address.empty()) writer.AddText("$ip", request_->address);
    WriteToken(writer, "$token");
  }
  lines.Append("}\n");
  return CheckSize(begin);
}

void Enricher::Impl::Trim() {
  scan_.Trim();
  if (scratch_.capacity() > kKeptBytes) scratch_ = {};
  if (records_.capacity() > kKeptBytes / sizeof(std::string_view)) records_ = {};
}

Enricher::Enricher(EnrichOptions options) : impl_(std::make_unique<Impl>(options)) {}
Enricher::~Enricher() = default;

bool Enricher::Enrich(std::string_view text, const EnrichRequest& request, EnrichedRecords* out) {
  return impl_->Enrich(text, request, out);
}

void Enricher::Trim() { impl_->Trim(); }

}  // namespace millrace::proxy
