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
  top_.Forget();
  properties_.Forget();
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

template <typename TakeMember>
RecordScan::Place RecordScan::TakeObject(Place at, TakeMember take_member) {
  ++at;
  if (scanner_.TokenAt(at) == '}') return at + 1;
  for (;; ++at) {
    at = take_member(at);
    if (at == nullptr) return nullptr;
    if (scanner_.TokenAt(at) != ',') break;
  }
  if (scanner_.TokenAt(at) != '}') {
    return scanner_.Fail("expected ',' or '}' in an object", *at);
  }
  return at + 1;
}

// Takes a key and its ':'.
RecordScan::Place RecordScan::TakeKey(Place at, std::string_view* raw_key) {
  if (scanner_.TokenAt(at) != '"') return scanner_.Fail("expected a key in quotes", *at);
  at = scanner_.TakeString(at, raw_key);
  if (at == nullptr) return nullptr;
  return scanner_.TokenAt(at) == ':' ? at + 1 : scanner_.Fail("expected ':' after a key", *at);
}

// The same, of a new member.
inline RecordScan::Place RecordScan::BeginMember(Place at, ObjectMembers& members,
                                                 Member** member) {
  Place value = nullptr;
  if (members.expects_key()) value = scanner_.TakeKey(at, members.expected_key());
  if (value != nullptr) {
    *member = &members.AddExpected();
  } else {
    value = BeginOtherMember(at, members, member);
    if (value == nullptr) return nullptr;
  }
  (*member)->begin = text_.data() + *at;
  return value;
}

RecordScan::Place RecordScan::BeginOtherMember(Place at, ObjectMembers& members, Member** member) {
  std::string_view raw_key;
  const Place value = TakeKey(at, &raw_key);
  if (value == nullptr) return nullptr;
  *member = members.Add(Unescape(raw_key), raw_key);
  if (*member == nullptr) {
    roles_.has_too_many_keys = true;
    *member = &ignored_;
  }
  return value;
}

std::string_view RecordScan::Unescape(std::string_view raw_key) {
  if (raw_key.find('\\') == std::string_view::npos) return raw_key;
  if (keys_.empty()) keys_.Reserve(text_.size());
  const size_t at = keys_.size();
  AppendUnescaped(keys_, raw_key);
  return keys_.view(at, keys_.size());
}

inline void RecordScan::EndMember(Place at, Place next, bool rewrite, Member* member) {
  size_t end = *next;
  while (IsBlankByte(text_.data()[end - 1])) --end;
  member->raw = text_.view(*at, end);
  const auto key_bytes = static_cast<size_t>(member->raw.data() - member->begin);
  member->has_rewrites = rewrite || (member->value.is_null() && scanner_.TokenAt(at) != 'n');
  const bool has_blanks = key_bytes != member->raw_key.size() + 3;
  const bool has_line_ends =
      has_line_ends_ && member->value.kind == Value::Kind::kJson && HasLineEnds(member->raw);
  member->is_compact = !member->has_rewrites && !has_blanks && !has_line_ends;
}

inline RecordScan::Place RecordScan::TakeValue(Place at, int depth, Member* member) {
  bool rewrite = false;
  const Place next = scanner_.TakeValue(at, depth, &member->value, &rewrite);
  if (next != nullptr) EndMember(at, next, rewrite, member);
  return next;
}

RecordScan::Place RecordScan::TakeTop(Place at) {
  top_.clear();
  properties_.clear();
  roles_ = {};
  return TakeObject(at, [this](Place key) -> Place {
    Member* member = nullptr;
    const Place value = BeginMember(key, top_, &member);
    if (value == nullptr) return nullptr;
    const bool opens =
        is_event_ && member->known == KnownKey::kProperties && scanner_.TokenAt(value) == '{';
    Place next = nullptr;
    if (opens) {
      next = TakeProperties(value);
      member->value = Value::Text(Value::Kind::kJson, {});
      if (next != nullptr) EndMember(value, next, false, member);
    } else {
      next = TakeValue(value, /*depth=*/1, member);
    }
    if (next != nullptr) NoteTop(*member, value);
    return next;
  });
}

RecordScan::Place RecordScan::TakeProperties(Place at) {
  properties_.clear();
  // Of an earlier one.
  roles_.token = roles_.time = roles_.blank_time = roles_.ip = roles_.insert_id = std::nullopt;
  roles_.distinct_id = roles_.user_id = roles_.device_id = std::nullopt;
  return TakeObject(at, [this](Place key) -> Place {
    Member* member = nullptr;
    const Place value = BeginMember(key, properties_, &member);
    if (value == nullptr) return nullptr;
    const Place next = TakeValue(value, /*depth=*/2, member);
    if (next != nullptr) NoteProperty(*member);
    return next;
  });
}

void RecordScan::NoteTop(const Member& member, Place at) {
  if (roles_.has_too_many_keys) return;
  const auto index = static_cast<uint16_t>(top_.members().size() - 1);
  if (is_event_) {
    if (member.known == KnownKey::kEvent) roles_.event = index;
    if (member.known == KnownKey::kProperties) roles_.properties = index;
    if (member.known == KnownKey::kMetadata) roles_.metadata = index;
    return;
  }
  if (member.known == KnownKey::kProfileToken) roles_.token = index;
  if (member.known == KnownKey::kProfileIp) roles_.ip = index;
  if (member.known == KnownKey::kProfileId) roles_.id = index;
  if (member.known == KnownKey::kGroupKey) roles_.group_key = index;
  if (member.known == KnownKey::kGroupId) roles_.group_id = index;
  if (MayBeOperation(member.key)) {
    ++roles_.operations;
    if (scanner_.TokenAt(at) == '{') CountKeys(at, member.raw.size());
  }
}

// Operations are taken as one value; whoever reads the record takes their keys.
void RecordScan::CountKeys(Place at, size_t bytes) {
  if (bytes < ObjectMembers::kMaxKeys * kMinBytesPerMember) return;
  size_t keys = 0;
  TakeObject(at, [&](Place key) {
    ++keys;
    std::string_view raw_key;
    Value ignored;
    bool rewrite = false;
    return scanner_.TakeValue(TakeKey(key, &raw_key), /*depth=*/2, &ignored, &rewrite);
  });
  if (keys > ObjectMembers::kMaxKeys) roles_.has_too_many_keys = true;
}

void RecordScan::NoteProperty(const Member& member) {
  if (member.known == KnownKey::kOther) return;
  const auto index = static_cast<uint16_t>(properties_.members().size() - 1);
  switch (member.known) {
    case KnownKey::kIp:
      roles_.ip = index;
      break;
    case KnownKey::kTime: {
      const bool is_blank = IsBlank(member.value);
      roles_.time = is_blank ? std::nullopt : std::optional(index);
      roles_.blank_time = is_blank ? std::optional(index) : std::nullopt;
      break;
    }
    case KnownKey::kToken:
      roles_.token = index;
      break;
    case KnownKey::kInsertId:
      roles_.insert_id = index;
      break;
    case KnownKey::kDistinctId:
      roles_.distinct_id = index;
      break;
    case KnownKey::kUserId:
      roles_.user_id = index;
      break;
    case KnownKey::kDeviceId:
      roles_.device_id = index;
      break;
    default:
      break;
  }
}

void RecordScan::Trim() {
  if (text_.capacity() > 2 * kKeptBytes) text_ = {};
  if (keys_.capacity() > kKeptBytes) keys_ = {};
}

}  // namespace millrace::proxy
