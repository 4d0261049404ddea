#include "proxy/object_members.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "formats/json_scanner.h"

namespace millrace::proxy {
namespace {

constexpr size_t kMinSlots = 128;

struct KnownText {
  std::string_view text;
  KnownKey key;
};
constexpr KnownText kKnownTexts[] = {
    {"event", KnownKey::kEvent},
    {"properties", KnownKey::kProperties},
    {"$mp_metadata", KnownKey::kMetadata},
    {"token", KnownKey::kToken},
    {"time", KnownKey::kTime},
    {"ip", KnownKey::kIp},
    {"$insert_id", KnownKey::kInsertId},
    {"distinct_id", KnownKey::kDistinctId},
    {"$user_id", KnownKey::kUserId},
    {"$device_id", KnownKey::kDeviceId},
    {"$token", KnownKey::kProfileToken},
    {"$ip", KnownKey::kProfileIp},
    {"$distinct_id", KnownKey::kProfileId},
    {"$group_key", KnownKey::kGroupKey},
    {"$group_id", KnownKey::kGroupId},
};

KnownKey KnownKeyOf(std::string_view key) {
  for (const KnownText& known : kKnownTexts) {
    if (known.text == key) return known.key;
  }
  return KnownKey::kOther;
}

// The size and the last two bytes.
uint32_t MarkOf(std::string_view key) {
  const auto size = static_cast<uint32_t>(key.size()) << 16;
  if (key.size() < 2) return size | static_cast<uint8_t>(key.empty() ? '\0' : key[0]);
  uint16_t end = 0;
  std::memcpy(&end, key.data() + key.size() - 2, sizeof(end));
  return size | end;
}

}  // namespace

void ObjectMembers::clear() {
  if (count_ == 0) return;
  expected_ = has_repeats_ ? 0 : std::min(count_, kMaxScanned);
  has_repeats_ = false;
  count_ = 0;
  if (++round_ == 0) {  // the slots of 2^32 rounds ago would count
    std::fill(table_.begin(), table_.end(), Slot{});
    round_ = 1;
  }
}

void ObjectMembers::Forget() {
  clear();
  expected_ = 0;
}

Member* ObjectMembers::Add(std::string_view key, std::string_view raw_key) {
  expected_ = 0;  // the next keys may repeat this one
  if (count_ == kMaxKeys) return nullptr;
  if (count_ < kMaxScanned) {
    const uint32_t mark = MarkOf(key);
    has_repeats_ |= DropEqual(key, mark);
    marks_[count_] = mark;
  } else {
    AddToTable(key);
  }
  if (count_ == all_.size()) all_.resize(std::max(kMaxScanned, 2 * count_));
  Member& member = all_[count_++];
  member.key = key;
  member.raw_key = raw_key;
  member.known = KnownKeyOf(key);
  member.is_dropped = false;
  return &member;
}

bool ObjectMembers::DropEqual(std::string_view key, uint32_t mark) {
  uint32_t equal = 0;  // a count, and of all, for the compiler to use vectors
  for (size_t i = 0; i < count_; ++i) equal += marks_[i] == mark ? 1 : 0;
  if (equal == 0) return false;
  bool dropped = false;
  for (size_t i = 0; i < count_; ++i) {
    if (all_[i].key != key) continue;
    dropped = all_[i].is_dropped = true;
  }
  return dropped;
}

void ObjectMembers::AddToTable(std::string_view key) {
  if (count_ * 2 >= table_.size()) {
    GrowTable();
  } else if (count_ == kMaxScanned) {
    FillTable();
  }
  Slot& slot = FindSlot(key);
  if (slot.round == round_) {
    all_[slot.index].is_dropped = true;
    has_repeats_ = true;
  }
  slot = {round_, static_cast<uint32_t>(count_)};
}

ObjectMembers::Slot& ObjectMembers::FindSlot(std::string_view key) {
  const size_t mask = table_.size() - 1;
  for (size_t i = HashBytes(key).low & mask;; i = (i + 1) & mask) {
    Slot& slot = table_[i];
    if (slot.round != round_ || all_[slot.index].key == key) return slot;
  }
}

void ObjectMembers::GrowTable() {
  table_.assign(std::max(kMinSlots, table_.size() * 2), Slot{});
  if (round_ == 0) round_ = 1;
  FillTable();
}

void ObjectMembers::FillTable() {
  for (uint32_t i = 0; i < count_; ++i) {
    if (!all_[i].is_dropped) FindSlot(all_[i].key) = {round_, i};
  }
}

void AppendCanonical(ByteBuffer& out, const Member& member) {
  switch (member.value.kind) {
    case Value::Kind::kNull:
      return out.Append("null");
    case Value::Kind::kJson:
      if (member.has_rewrites || HasLineEnds(member.raw)) {
        return AppendCompactJson(out, member.raw);
      }
      return out.Append(member.raw);
    default:
      return out.Append(member.raw);
  }
}

void MemberWriter::Comma() {
  if (any_) out_.Append(',');
  any_ = true;
}

void MemberWriter::Flush() {
  if (run_.empty()) return;
  Comma();
  out_.Append(run_);
  run_ = {};
}

// A member that does not follow the run.
void MemberWriter::WriteApart(const Member& member) {
  if (!member.is_compact) {
    Begin(member);
    return AppendCanonical(out_, member);
  }
  Flush();
  run_ = member.text();
}

void MemberWriter::Begin(const Member& member) {
  Flush();
  Comma();
  out_.Append('"');
  out_.Append(member.raw_key);
  out_.Append("\":");
}

void MemberWriter::WriteValue(const Member& member, std::string_view json) {
  Begin(member);
  out_.Append(json);
}

void MemberWriter::Add(std::string_view key, std::string_view json) {
  Flush();
  Comma();
  out_.Append('"');
  out_.Append(key);
  out_.Append("\":");
  out_.Append(json);
}

void MemberWriter::AddText(std::string_view key, std::string_view text) {
  Flush();
  Comma();
  out_.Append('"');
  out_.Append(key);
  out_.Append("\":\"");
  out_.Append(text);
  out_.Append('"');
}

}  // namespace millrace::proxy
