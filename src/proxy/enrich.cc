#include "proxy/enrich.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/hash.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "formats/id_text.h"
#include "formats/json_index.h"
#include "formats/json_scanner.h"
#include "formats/json_text.h"
#include "proxy/object_members.h"
#include "records/ids.h"
#include "records/operations.h"
#include "records/record_time.h"
#include "sdk/body_decoder.h"
#include "sdk/record_splitter.h"

namespace millrace::proxy {
namespace {

using Place = JsonScanner::Place;

constexpr size_t kMaxOperations = 64;           // as records/record_parser.h
constexpr size_t kMinBytesPerMember = 4;        // "":1
constexpr size_t kMaxBlankBytes = 1 << 20;      // of a record before it is made canonical
constexpr size_t kKeptBytes = size_t{1} << 20;  // of a buffer that Trim() leaves
constexpr size_t kHexDigits = 32;

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

// The id in "$mp_event_id":"id" of the JSON of a $mp_metadata; "" if there is none.
std::string_view FindEventId(std::string_view metadata) {
  constexpr std::string_view kKey = "\"$mp_event_id\"";
  const size_t key = metadata.find(kKey);
  if (key == std::string_view::npos) return {};
  const size_t colon = metadata.find_first_not_of(" \t\r\n", key + kKey.size());
  if (colon == std::string_view::npos || metadata[colon] != ':') return {};
  const size_t quote = metadata.find_first_not_of(" \t\r\n", colon + 1);
  if (quote == std::string_view::npos || metadata[quote] != '"') return {};
  const size_t end = metadata.find('"', quote + 1);
  return metadata.substr(quote + 1, end - quote - 1);
}

}  // namespace

class Enricher::Impl {
 public:
  explicit Impl(EnrichOptions options) : options_(options) {}

  bool Enrich(std::string_view text, const EnrichRequest& request, EnrichedRecords* out);
  void Trim();

 private:
  // What the proxy looks at, of the record that was taken last.
  struct Roles {
    std::optional<size_t> event, properties, metadata, id, group_key, group_id;  // of top_
    std::optional<size_t> token, time, ip, insert_id;  // of properties_, or of top_ of an update
    std::optional<size_t> blank_time;                  // null or "", which is not written
    size_t operations = 0;
    bool has_too_many_keys = false;
  };

  bool TakeWhole(std::string_view text);
  void TakeEach(std::string_view text);
  void TakeOne(std::string_view text);
  // Takes the record at `at` and writes or rejects it; `source` is the text it was copied from.
  // Null: it is not JSON.
  Place TakeRecord(Place at, std::string_view source);
  Place TakeTop(Place at);
  Place TakeProperties(Place at);
  template <typename OnMember>
  Place TakeObject(Place at, OnMember on_member);
  Place TakeValue(Place at, int depth, Member* member);
  Member BeginMember(size_t begin, std::string_view raw_key);
  void EndMember(Place at, Place next, bool rewrite, Member* member);
  void NoteTop(const Member& member, Place at);
  void NoteProperty(const Member& member);
  void CountKeys(Place at, size_t bytes);

  bool WriteEvent();
  bool WriteUpdate();
  bool CheckEvent();
  bool CheckTime();
  bool CheckUpdate();
  bool CheckToken();
  bool CheckKeys();
  bool CheckId(std::optional<size_t> id, std::string_view name);
  bool CheckSize(size_t begin);
  bool RejectSize(size_t bytes);
  void WriteProperties();
  void WriteToken(MemberWriter& writer, std::string_view key);
  void ChooseInsertId();
  Hash128 DeriveId();
  std::string_view TokenText();
  bool HasToken() const { return roles_.token && IsId(TokenMember()); }
  const ObjectMembers& TokenMembers() const { return is_event() ? properties_ : top_; }
  const Member& TokenMember() const { return TokenMembers().members()[*roles_.token]; }

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
  JsonIndex index_;
  JsonScanner scanner_;
  ByteBuffer text_;  // a copy of what is scanned: the scanner writes to it
  bool has_line_ends_ = false;
  bool too_many_ = false;
  ByteBuffer keys_;  // unescaped; never grows while views of it are used
  ByteBuffer scratch_;
  ByteBuffer token_scratch_;
  ObjectMembers top_;
  ObjectMembers properties_;
  Roles roles_;
  std::vector<std::string_view> records_;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint32_t> repeats_;  // of derived ids

  const EnrichRequest* request_ = nullptr;
  EnrichedRecords* out_ = nullptr;
  RejectedRecord rejected_;
  // Of the event that is written: to be written instead of the one that was sent; empty: that one.
  std::string insert_id_;
};

bool Enricher::Impl::Enrich(std::string_view text, const EnrichRequest& request,
                            EnrichedRecords* out) {
  request_ = &request;
  out_ = out;
  repeats_.clear();
  text = TrimBlanks(text);
  if (text.empty()) return true;
  too_many_ = false;
  if (text.size() <= options_.max_whole_bytes && TakeWhole(text)) return true;
  if (!too_many_) TakeEach(text);
  return !too_many_;
}

// All records along one index. False, with nothing taken, if the text is not JSON.
bool Enricher::Impl::TakeWhole(std::string_view text) {
  text_.clear();
  text_.Append(text);
  *text_.Reserve(1) = '\n';  // where the scanner stops
  if (index_.Index(text_.view()) != JsonIndex::Result::kOk) return false;
  const size_t size = text.size();
  has_line_ends_ = HasLineEnds(text);
  scanner_.Begin(text_.data(), size);
  keys_.clear();
  const size_t lines = out_->lines.size(), rejected = out_->rejected.size();
  const uint32_t count = out_->count;
  const uint64_t received = out_->received;
  Place at = index_.positions();
  const bool is_array = scanner_.TokenAt(at) == '[';
  if (is_array) ++at;
  bool ok = true;
  const bool is_empty = is_array && scanner_.TokenAt(at) == ']';
  while (ok && !is_empty) {
    at = TakeRecord(at, text);
    too_many_ = out_->received - received > options_.max_records;
    ok = at != nullptr && !too_many_;
    if (!ok || (is_array ? scanner_.TokenAt(at) != ',' : *at >= size)) break;
    if (is_array) ++at;
  }
  if (ok && is_array) ok = scanner_.TokenAt(at) == ']' && *++at >= size;
  if (ok) return true;
  out_->lines.Truncate(lines);
  out_->rejected.resize(rejected);
  out_->count = count;
  out_->received = received;
  repeats_.clear();
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
  text_.clear();
  text_.Append(text);
  *text_.Reserve(1) = '\n';
  JsonIndex::Result indexed = index_.Index(text_.view());
  if (indexed == JsonIndex::Result::kNotUtf8) {
    const std::string repaired = sdk::FromCesu8(std::string(text));
    text_.clear();
    text_.Append(repaired);
    *text_.Reserve(1) = '\n';
    indexed = index_.Index(text_.view());
  }
  has_line_ends_ = true;
  keys_.clear();
  if (indexed == JsonIndex::Result::kOk) {
    scanner_.Begin(text_.data(), text_.size());
    const uint64_t received = out_->received;
    const size_t lines = out_->lines.size(), rejected = out_->rejected.size();
    const uint32_t count = out_->count;
    const Place end = TakeRecord(index_.positions(), text);
    if (end != nullptr && *end >= text_.size()) return;
    if (end != nullptr) scanner_.Fail("text after the end of the record", *end);
    out_->received = received;
    out_->lines.Truncate(lines);
    out_->rejected.resize(rejected);
    out_->count = count;
  }
  const std::string_view why = indexed == JsonIndex::Result::kOk ? scanner_.fault()
                               : indexed == JsonIndex::Result::kNotUtf8
                                   ? "string should be valid utf8"
                                   : "a string is not closed, or has a control "
                                     "character that is not escaped";
  Reject(kUnreadable, "", StrCat("the record is not valid JSON: ", why));
  AddRejected(text);
}

Place Enricher::Impl::TakeRecord(Place at, std::string_view source) {
  const size_t begin = *at;
  Place next = nullptr;
  bool is_written = false;
  if (scanner_.TokenAt(at) == '{') {
    next = TakeTop(at);
    if (next == nullptr) return nullptr;
    is_written = is_event() ? WriteEvent() : WriteUpdate();
  } else {
    Value ignored;
    bool rewrite = false;
    next = scanner_.TakeValue(at, /*depth=*/0, &ignored, &rewrite);
    if (next == nullptr) return nullptr;
    Reject(kUnreadable, "", "the record is not a JSON object");
  }
  if (is_written) {
    ++out_->count;
    ++out_->received;
    return next;
  }
  // A repaired record has another size than its source, which is then one record.
  size_t end = std::min<size_t>(*next, source.size());
  while (end > begin && IsBlankByte(source[end - 1])) --end;
  const bool is_all = text_.size() != source.size();
  AddRejected(is_all ? source : source.substr(begin, end - begin));
  return next;
}

template <typename OnMember>
Place Enricher::Impl::TakeObject(Place at, OnMember on_member) {
  ++at;
  if (scanner_.TokenAt(at) == '}') return at + 1;
  for (;; ++at) {
    const size_t begin = *at;
    std::string_view key;
    if (scanner_.TokenAt(at) != '"') return scanner_.Fail("expected a key in quotes", begin);
    at = scanner_.TakeString(at, &key);
    if (at == nullptr) return nullptr;
    if (scanner_.TokenAt(at) != ':') return scanner_.Fail("expected ':' after a key", *at);
    at = on_member(begin, key, at + 1);
    if (at == nullptr) return nullptr;
    if (scanner_.TokenAt(at) != ',') break;
  }
  if (scanner_.TokenAt(at) != '}') {
    return scanner_.Fail("expected ',' or '}' in an object", *at);
  }
  return at + 1;
}

Member Enricher::Impl::BeginMember(size_t begin, std::string_view raw_key) {
  Member member;
  member.raw_key = member.key = raw_key;
  member.text = {text_.data() + begin, 0};
  if (raw_key.find('\\') != std::string_view::npos) {
    if (keys_.empty()) keys_.Reserve(text_.size());
    const size_t at = keys_.size();
    AppendUnescaped(keys_, raw_key);
    member.key = keys_.view(at, keys_.size());
  }
  return member;
}

void Enricher::Impl::EndMember(Place at, Place next, bool rewrite, Member* member) {
  size_t end = *next;
  while (IsBlankByte(text_.data()[end - 1])) --end;
  member->raw = text_.view(*at, end);
  const size_t begin = static_cast<size_t>(member->text.data() - text_.data());
  member->text = text_.view(begin, end);
  member->has_rewrites = rewrite || (member->value.is_null() && scanner_.TokenAt(at) != 'n');
  const bool has_blanks = *at - begin != member->raw_key.size() + 3;
  const bool has_line_ends =
      has_line_ends_ && member->value.kind == Value::Kind::kJson && HasLineEnds(member->raw);
  member->is_compact = !member->has_rewrites && !has_blanks && !has_line_ends;
}

Place Enricher::Impl::TakeValue(Place at, int depth, Member* member) {
  bool rewrite = false;
  const Place next = scanner_.TakeValue(at, depth, &member->value, &rewrite);
  if (next != nullptr) EndMember(at, next, rewrite, member);
  return next;
}

Place Enricher::Impl::TakeTop(Place at) {
  top_.clear();
  properties_.clear();
  roles_ = {};
  return TakeObject(at, [this](size_t begin, std::string_view key, Place value) -> Place {
    Member member = BeginMember(begin, key);
    const bool opens = is_event() && member.key == "properties" && scanner_.TokenAt(value) == '{';
    Place next = nullptr;
    if (opens) {
      next = TakeProperties(value);
      member.value = Value::Text(Value::Kind::kJson, {});
      if (next != nullptr) EndMember(value, next, false, &member);
    } else {
      next = TakeValue(value, /*depth=*/1, &member);
    }
    if (next != nullptr) NoteTop(member, value);
    return next;
  });
}

Place Enricher::Impl::TakeProperties(Place at) {
  properties_.clear();
  roles_.token = roles_.time = roles_.ip = roles_.insert_id = std::nullopt;  // of an earlier one
  return TakeObject(at, [this](size_t begin, std::string_view key, Place value) {
    Member member = BeginMember(begin, key);
    const Place next = TakeValue(value, /*depth=*/2, &member);
    if (next != nullptr) NoteProperty(member);
    return next;
  });
}

void Enricher::Impl::NoteTop(const Member& member, Place at) {
  const std::string_view key = member.key;
  const size_t index = top_.members().size();
  if (!top_.Add(member)) roles_.has_too_many_keys = true;
  if (roles_.has_too_many_keys) return;
  if (is_event()) {
    if (key == "event") roles_.event = index;
    if (key == "properties") roles_.properties = index;
    if (key == "$mp_metadata") roles_.metadata = index;
    return;
  }
  if (key == "$token") roles_.token = index;
  if (key == "$ip") roles_.ip = index;
  if (key == "$distinct_id") roles_.id = index;
  if (key == "$group_key") roles_.group_key = index;
  if (key == "$group_id") roles_.group_id = index;
  if (MayBeOperation(key)) {
    ++roles_.operations;
    if (scanner_.TokenAt(at) == '{') CountKeys(at, member.raw.size());
  }
}

// Operations are taken as one value; whoever reads the record takes their keys.
void Enricher::Impl::CountKeys(Place at, size_t bytes) {
  if (bytes < ObjectMembers::kMaxKeys * kMinBytesPerMember) return;
  size_t keys = 0;
  TakeObject(at, [&](size_t, std::string_view, Place value) {
    ++keys;
    Value ignored;
    bool rewrite = false;
    return scanner_.TakeValue(value, /*depth=*/2, &ignored, &rewrite);
  });
  if (keys > ObjectMembers::kMaxKeys) roles_.has_too_many_keys = true;
}

void Enricher::Impl::NoteProperty(const Member& member) {
  const size_t index = properties_.members().size();
  if (!properties_.Add(member)) {
    roles_.has_too_many_keys = true;
    return;
  }
  const std::string_view key = member.key;
  if (key == "ip") roles_.ip = index;
  if (key == "time") roles_.time = index;
  if (key == "token") roles_.token = index;
  if (key == "$insert_id") roles_.insert_id = index;
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
  if (!roles_.has_too_many_keys) return true;
  return Reject("too_many_properties", "",
                StrCat("an object of the record has more than ", ObjectMembers::kMaxKeys, " keys"));
}

bool Enricher::Impl::CheckEvent() {
  if (!CheckKeys()) return false;
  const Member* const event = roles_.event ? &top_.members()[*roles_.event] : nullptr;
  if (event == nullptr || event->value.is_null()) {
    return Reject("missing_event_name", "event", "'event' must not be missing or blank");
  }
  if (event->value.kind != Value::Kind::kJsonText) {
    return Reject("missing_event_name", "event", "'event' is invalid: must be a string");
  }
  if (TrimBlanks(event->value.text).empty()) {
    return Reject("missing_event_name", "event", "'event' must not be missing or blank");
  }
  const bool has_properties =
      roles_.properties && top_.members()[*roles_.properties].raw.starts_with('{');
  if (!has_properties) {
    return Reject(kMissingField, "properties", "'properties' must be an object");
  }
  return CheckToken() && CheckTime();
}

bool Enricher::Impl::CheckTime() {
  if (roles_.time) {
    const Value& value = properties_.members()[*roles_.time].value;
    const bool is_blank =
        value.is_null() || (value.kind == Value::Kind::kJsonText && TrimBlanks(value.text).empty());
    if (!is_blank) {
      if (UnixMicros(value)) return true;
      return Reject("invalid_time", "properties.time",
                    "'properties.time' is invalid: must be specified as seconds since epoch");
    }
    roles_.blank_time = std::exchange(roles_.time, std::nullopt);
  }
  const std::string_view name = top_.members()[*roles_.event].value.text;
  if (!request_->requires_time || JoinsIdentities(name)) return true;
  return Reject("invalid_time", "properties.time", "'properties.time' must not be missing");
}

bool Enricher::Impl::WriteEvent() {
  ByteBuffer& lines = out_->lines;
  const size_t begin = lines.size();
  const bool is_good = CheckEvent();
  insert_id_.clear();
  if (roles_.insert_id) {
    const Value& sent = properties_.members()[*roles_.insert_id].value;
    if (!is_good) rejected_.insert_id = IdText(sent, scratch_);
  }
  if (!is_good) return false;
  ChooseInsertId();
  lines.Append('{');
  {
    MemberWriter writer(lines);
    for (size_t i = 0; i < top_.members().size(); ++i) {
      const Member& member = top_.members()[i];
      if (member.is_dropped) continue;
      if (i == *roles_.properties) {
        writer.Begin(member);
        WriteProperties();
      } else {
        writer.Write(member);
      }
    }
  }
  lines.Append("}\n");
  return CheckSize(begin);
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
    for (size_t i = 0; i < properties_.members().size(); ++i) {
      const Member& member = properties_.members()[i];
      const bool is_replaced = i == roles_.blank_time || (i == roles_.token && !token.empty()) ||
                               (i == roles_.insert_id && !insert_id_.empty());
      if (!member.is_dropped && !is_replaced) writer.Write(member);
    }
    const bool needs_no_time =
        request_->requires_time && JoinsIdentities(top_.members()[*roles_.event].value.text);
    if (!roles_.time && !needs_no_time) {
      scratch_.clear();
      AppendJsonInt(scratch_, request_->unix_millis);
      writer.Add("time", scratch_.view());
    }
    if (!roles_.ip && !request_->address.empty()) writer.AddText("ip", request_->address);
    WriteToken(writer, "token");
    if (!insert_id_.empty()) writer.AddText("$insert_id", insert_id_);
  }
  lines.Append('}');
}

void Enricher::Impl::WriteToken(MemberWriter& writer, std::string_view key) {
  const std::string_view token = new_token();
  if (token.empty()) return;
  scratch_.clear();
  AppendJsonString(scratch_, token);
  writer.Add(key, scratch_.view());
}

// Sets insert_id_ if the event has none that may be sent as it is.
void Enricher::Impl::ChooseInsertId() {
  if (roles_.insert_id) {
    const Value& sent = properties_.members()[*roles_.insert_id].value;
    const std::string_view text = IdText(sent, scratch_);
    if (!text.empty() && !IsBannedId(text)) {
      const bool is_valid = IsValidInsertId(text);
      if (is_valid && sent.kind == Value::Kind::kJsonText) return;
      insert_id_ = is_valid ? std::string(text) : ToHex(HashBytes(text));
      return;
    }
  }
  const Hash128 hash = DeriveId();
  insert_id_.resize(kHexDigits);
  WriteHex(hash, insert_id_.data());
  if (roles_.metadata && !FindEventId(top_.members()[*roles_.metadata].raw).empty()) return;
  const uint32_t repeat = repeats_[{hash.high, hash.low}]++;
  if (repeat > 0) insert_id_ = ToHex(HashBytes(StrCat(insert_id_, ":", repeat)));
}

Hash128 Enricher::Impl::DeriveId() {
  const std::vector<Member>& properties = properties_.members();
  const std::string_view event = top_.members()[*roles_.event].value.text;
  const std::string_view id =
      roles_.metadata ? FindEventId(top_.members()[*roles_.metadata].raw) : std::string_view();
  if (!id.empty()) {
    const auto raw = [&](std::optional<size_t> role) {
      return role ? properties[*role].raw : std::string_view();
    };
    scratch_.clear();
    for (const std::string_view part : {event, raw(roles_.token), raw(roles_.time), id}) {
      AppendJsonUint(scratch_, part.size());
      scratch_.Append(':');
      scratch_.Append(part);
    }
    return HashBytes(scratch_.view());
  }
  UnorderedHash hash;
  hash.Add(event);
  for (size_t i = 0; i < properties.size(); ++i) {
    const Member& member = properties[i];
    if (member.is_dropped || i == roles_.insert_id) continue;
    if (member.is_compact) {
      hash.Add(member.text);
      continue;
    }
    scratch_.clear();
    MemberWriter(scratch_).Begin(member);
    AppendCanonical(scratch_, member);
    hash.Add(scratch_.view());
  }
  return hash.sum();
}

bool Enricher::Impl::CheckId(std::optional<size_t> id, std::string_view name) {
  if (id && IsId(top_.members()[*id])) return true;
  return Reject(kMissingField, std::string(name), StrCat(name, ", missing or empty"));
}

bool Enricher::Impl::CheckUpdate() {
  if (!CheckKeys()) return false;
  if (roles_.operations > kMaxOperations) {
    return Reject("invalid_value", "",
                  StrCat("the update has more than ", kMaxOperations, " operations"));
  }
  if (request_->type == RecordType::kUser) {
    if (!CheckId(roles_.id, "$distinct_id")) return false;
  } else if (!CheckId(roles_.group_key, "$group_key") || !CheckId(roles_.group_id, "$group_id")) {
    return false;
  }
  return CheckToken();
}

bool Enricher::Impl::WriteUpdate() {
  if (!CheckUpdate()) return false;
  ByteBuffer& lines = out_->lines;
  const size_t begin = lines.size();
  const std::string_view token = new_token();
  lines.Append('{');
  {
    MemberWriter writer(lines);
    for (size_t i = 0; i < top_.members().size(); ++i) {
      const Member& member = top_.members()[i];
      if (member.is_dropped || (i == roles_.token && !token.empty())) continue;
      writer.Write(member);
    }
    if (!roles_.ip && !request_->address.empty()) writer.AddText("$ip", request_->address);
    WriteToken(writer, "$token");
  }
  lines.Append("}\n");
  return CheckSize(begin);
}

void Enricher::Impl::Trim() {
  if (text_.capacity() > 2 * kKeptBytes) text_ = {};
  if (keys_.capacity() > kKeptBytes) keys_ = {};
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
