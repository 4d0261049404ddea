#include "proxy/object_members.h"

#include <algorithm>

#include "base/hash.h"
#include "formats/json_scanner.h"

namespace millrace::proxy {
namespace {

constexpr size_t kMinSlots = 128;

}  // namespace

void ObjectMembers::clear() {
  members_.clear();
  if (++round_ == 0) {  // the slots of 2^32 rounds ago would count
    std::fill(table_.begin(), table_.end(), Slot{});
    round_ = 1;
  }
}

bool ObjectMembers::Add(const Member& member) {
  if (members_.size() == kMaxKeys) return false;
  if (members_.size() * 2 >= table_.size()) GrowTable();
  Slot& slot = FindSlot(member.key);
  if (slot.round == round_) members_[slot.index].is_dropped = true;
  slot = {round_, static_cast<uint32_t>(members_.size())};
  members_.push_back(member);
  return true;
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
