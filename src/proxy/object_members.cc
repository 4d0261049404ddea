#include "proxy/object_members.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "formats/json_scanner.h"

namespace millrace::proxy {
namespace {

constexpr size_t kMinSlots = 128;

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
  members_.clear();
  marks_.fill(0);
  if (++round_ == 0) {  // the slots of 2^32 rounds ago would count
    std::fill(table_.begin(), table_.end(), Slot{});
    round_ = 1;
  }
}

bool ObjectMembers::Add(const Member& member) {
  const size_t index = members_.size();
  if (index == kMaxKeys) return false;
  if (index < kMaxScanned) {
    const uint32_t mark = MarkOf(member.key);
    DropEqual(member.key, mark);
    marks_[index] = mark;
  } else {
    AddToTable(member.key);
  }
  members_.push_back(member);
  return true;
}

void ObjectMembers::DropEqual(std::string_view key, uint32_t mark) {
  uint32_t equal = 0;  // a count, and of all, for the compiler to use vectors
  for (const uint32_t other : marks_) equal += other == mark ? 1 : 0;
  if (equal == 0) return;
  for (Member& member : members_) {
    if (member.key == key) member.is_dropped = true;
  }
}

void ObjectMembers::AddToTable(std::string_view key) {
  const size_t index = members_.size();
  if (index * 2 >= table_.size()) {
    GrowTable();
  } else if (index == kMaxScanned) {
    FillTable();
  }
  Slot& slot = FindSlot(key);
  if (slot.round == round_) members_[slot.index].is_dropped = true;
  slot = {round_, static_cast<uint32_t>(index)};
}

ObjectMembers::Slot& ObjectMembers::FindSlot(std::string_view key) {
  const size_t mask = table_.size() - 1;
  for (size_t i = HashBytes(key).low & mask;; i = (i + 1) & mask) {
    Slot& slot = table_[i];
    if (slot.round != round_ || members_[slot.index].key == key) return slot;
  }
}

void ObjectMembers::GrowTable() {
  table_.assign(std::max(kMinSlots, table_.size() * 2), Slot{});
  if (round_ == 0) round_ = 1;
  FillTable();
}

void ObjectMembers::FillTable() {
  for (uint32_t i = 0; i < members_.size(); ++i) {
    if (!members_[i].is_dropped) FindSlot(members_[i].key) = {round_, i};
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

void MemberWriter::Write(const Member& member) {
  if (!member.is_compact) {
    Begin(member);
    return AppendCanonical(out_, member);
  }
  const bool continues = !run_.empty() && run_.data() + run_.size() + 1 == member.text.data() &&
                         run_.data()[run_.size()] == ',';
  if (continues) {
    run_ = {run_.data(), run_.size() + 1 + member.text.size()};
    return;
  }
  Flush();
  run_ = member.text;
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
