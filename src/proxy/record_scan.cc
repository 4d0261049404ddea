#include "proxy/record_scan.h"

#include "base/strings.h"
#include "formats/json_text.h"
#include "records/operations.h"

namespace millrace::proxy {
namespace {

constexpr size_t kMinBytesPerMember = 4;        // "":1
constexpr size_t kKeptBytes = size_t{1} << 20;  // of a buffer that Trim() leaves

bool IsBlankByte(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsBlank(const Value& value) {
  return value.is_null() ||
         (value.kind == Value::Kind::kJsonText && TrimBlanks(value.text).empty());
}

}  // namespace

JsonIndex::Result RecordScan::Begin(std::string_view text) {
  text_.clear();
  text_.Append(text);
  *text_.Reserve(1) = '\n';  // where the scanner stops
  keys_.clear();
  const JsonIndex::Result indexed = index_.Index(text_.view());
  if (indexed != JsonIndex::Result::kOk) return indexed;
  has_line_ends_ = HasLineEnds(text_.view());
  scanner_.Begin(text_.data(), text_.size());
  return indexed;
}

RecordScan::Place RecordScan::Take(Place at, RecordType type) {
  is_event_ = type == RecordType::kEvent;
  is_object_ = scanner_.TokenAt(at) == '{';
  if (is_object_) return TakeTop(at);
  Value ignored;
  bool rewrite = false;
  return scanner_.TakeValue(at, /*depth=*/0, &ignored, &rewrite);
}

template <typename OnMember>
RecordScan::Place RecordScan::TakeObject(Place at, OnMember on_member) {
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

Member RecordScan::BeginMember(size_t begin, std::string_view raw_key) {
  Member member;
  member.raw_key = member.key = raw_key;
  member.text = text_.view(begin, begin);
  if (raw_key.find('\\') != std::string_view::npos) {
    if (keys_.empty()) keys_.Reserve(text_.size());
    const size_t at = keys_.size();
    AppendUnescaped(keys_, raw_key);
    member.key = keys_.view(at, keys_.size());
  }
  return member;
}

void RecordScan::EndMember(Place at, Place next, bool rewrite, Member* member) {
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

RecordScan::Place RecordScan::TakeValue(Place at, int depth, Member* member) {
  bool rewrite = false;
  const Place next = scanner_.TakeValue(at, depth, &member->value, &rewrite);
  if (next != nullptr) EndMember(at, next, rewrite, member);
  return next;
}

RecordScan::Place RecordScan::TakeTop(Place at) {
  top_.clear();
  properties_.clear();
  roles_ = {};
  return TakeObject(at, [this](size_t begin, std::string_view key, Place value) -> Place {
    Member member = BeginMember(begin, key);
    const bool opens = is_event_ && member.key == "properties" && scanner_.TokenAt(value) == '{';
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

RecordScan::Place RecordScan::TakeProperties(Place at) {
  properties_.clear();
  // Of an earlier one.
  roles_.token = roles_.time = roles_.blank_time = roles_.ip = roles_.insert_id = std::nullopt;
  roles_.distinct_id = roles_.user_id = roles_.device_id = std::nullopt;
  return TakeObject(at, [this](size_t begin, std::string_view key, Place value) {
    Member member = BeginMember(begin, key);
    const Place next = TakeValue(value, /*depth=*/2, &member);
    if (next != nullptr) NoteProperty(member);
    return next;
  });
}

void RecordScan::NoteTop(const Member& member, Place at) {
  const std::string_view key = member.key;
  const size_t index = top_.members().size();
  if (!top_.Add(member)) roles_.has_too_many_keys = true;
  if (roles_.has_too_many_keys) return;
  if (is_event_) {
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
void RecordScan::CountKeys(Place at, size_t bytes) {
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

void RecordScan::NoteProperty(const Member& member) {
  const size_t index = properties_.members().size();
  if (!properties_.Add(member)) {
    roles_.has_too_many_keys = true;
    return;
  }
  const std::string_view key = member.key;
  if (key == "ip") roles_.ip = index;
  if (key == "time") {
    const bool is_blank = IsBlank(member.value);
    roles_.time = is_blank ? std::nullopt : std::optional(index);
    roles_.blank_time = is_blank ? std::optional(index) : std::nullopt;
  }
  if (key == "token") roles_.token = index;
  if (key == "$insert_id") roles_.insert_id = index;
  if (key == "distinct_id") roles_.distinct_id = index;
  if (key == "$user_id") roles_.user_id = index;
  if (key == "$device_id") roles_.device_id = index;
}

void RecordScan::Trim() {
  if (text_.capacity() > 2 * kKeptBytes) text_ = {};
  if (keys_.capacity() > kKeptBytes) keys_ = {};
}

}  // namespace millrace::proxy
