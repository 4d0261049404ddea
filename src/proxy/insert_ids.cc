#include "proxy/insert_ids.h"

#include <optional>
#include <span>

#include "base/json_writer.h"
#include "base/strings.h"
#include "formats/id_text.h"
#include "proxy/object_members.h"
#include "records/ids.h"

namespace millrace::proxy {
namespace {

constexpr size_t kHexDigits = 32;

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

std::string_view EventIdOf(const RecordScan& event) {
  const RecordRoles::Index metadata = event.roles().metadata;
  if (!metadata) return {};
  return FindEventId(event.top().members()[*metadata].raw);
}

}  // namespace

std::string_view InsertIds::TextOf(const RecordScan& event) {
  const RecordRoles& roles = event.roles();
  if (!roles.insert_id) return {};
  return IdText(event.properties().members()[*roles.insert_id].value, scratch_);
}

std::string_view InsertIds::Choose(const RecordScan& event) {
  id_.clear();
  const RecordRoles& roles = event.roles();
  if (roles.insert_id) {
    const Value& sent = event.properties().members()[*roles.insert_id].value;
    const std::string_view text = IdText(sent, scratch_);
    if (!text.empty() && !IsBannedId(text)) {
      const bool is_valid = IsValidInsertId(text);
      if (is_valid && sent.kind == Value::Kind::kJsonText) return {};
      id_ = is_valid ? std::string(text) : ToHex(HashBytes(text));
      return id_;
    }
  }
  const Hash128 hash = Derive(event);
  id_.resize(kHexDigits);
  WriteHex(hash, id_.data());
  if (!EventIdOf(event).empty()) return id_;
  const uint32_t repeat = repeats_[{hash.high, hash.low}]++;
  if (repeat > 0) id_ = ToHex(HashBytes(StrCat(id_, ":", repeat)));
  return id_;
}

Hash128 InsertIds::Derive(const RecordScan& event) {
  const RecordRoles& roles = event.roles();
  const std::span<const Member> properties = event.properties().members();
  const std::string_view name = event.top().members()[*roles.event].value.text;
  if (const std::string_view id = EventIdOf(event); !id.empty()) {
    const auto raw = [&](RecordRoles::Index role) {
      return role ? properties[*role].raw : std::string_view();
    };
    scratch_.clear();
    for (const std::string_view part : {name, raw(roles.token), raw(roles.time), id}) {
      AppendJsonUint(scratch_, part.size());
      scratch_.Append(':');
      scratch_.Append(part);
    }
    return HashBytes(scratch_.view());
  }
  UnorderedHash hash;
  hash.Add(name);
  for (size_t i = 0; i < properties.size(); ++i) {
    const Member& member = properties[i];
    if (member.is_dropped || i == roles.insert_id) continue;
    if (member.is_compact) {
      hash.Add(member.text());
      continue;
    }
    scratch_.clear();
    MemberWriter(scratch_).Begin(member);
    AppendCanonical(scratch_, member);
    hash.Add(scratch_.view());
  }
  return hash.sum();
}

}  // namespace millrace::proxy
