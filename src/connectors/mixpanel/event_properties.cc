#include "connectors/mixpanel/event_properties.h"

#include <simdjson.h>

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/byte_buffer.h"
#include "base/json_writer.h"
#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

namespace od = simdjson::ondemand;

constexpr std::string_view kKept[] = {"time", "distinct_id", "$insert_id", "mp_processing_time_ms"};

bool IsId(std::string_view name) {
  return name == "distinct_id" || name == "$distinct_id" || name == "$distinct_id_before_identity";
}

// The text of the id `raw`, a JSON value.
simdjson::error_code ReadId(od::value value, std::vector<std::string>& ids, std::string& json) {
  od::json_type type;
  if (const auto error = value.type().get(type)) return error;
  if (type != od::json_type::string) {
    std::string_view raw;
    if (const auto error = value.raw_json().get(raw)) return error;
    json.append(TrimBlanks(raw));
    if (type == od::json_type::number) ids.emplace_back(TrimBlanks(raw));
    return simdjson::SUCCESS;
  }
  std::string_view text;
  if (const auto error = value.get_string(/*allow_replacement=*/true).get(text)) return error;
  AppendJsonString(json, text);
  ids.emplace_back(text);
  return simdjson::SUCCESS;
}

}  // namespace

struct EventProperties::Parts {
  absl::flat_hash_set<std::string> names;
  od::parser parser;
  ByteBuffer padded;
  std::string line;
  Event event;

  bool IsKept(std::string_view name) const {
    for (const std::string_view kept : kKept) {
      if (name == kept) return true;
    }
    return names.contains(ToAbsl(name));
  }

  // Writes the members of `object`: all, or with `selects` those that are kept. Those of an event
  // or update itself have `properties` among them.
  simdjson::error_code Copy(od::object object, bool selects, bool is_top) {
    line += '{';
    bool is_first = true;
    for (simdjson::simdjson_result<od::field> result : object) {
      od::field member;
      if (const auto error = std::move(result).get(member)) return error;
      std::string_view name;
      if (const auto error = member.unescaped_key(true).get(name)) return error;
      if (selects && !IsKept(name)) {
        if (const auto error = SkipMember(member, name)) return error;
        continue;
      }
      if (!std::exchange(is_first, false)) line += ',';
      AppendJsonString(line, name);
      line += ':';
      if (const auto error = CopyValue(member.value(), name, is_top)) return error;
    }
    line += '}';
    return simdjson::SUCCESS;
  }

  // Of an id that is not kept, its text is needed.
  simdjson::error_code SkipMember(od::field& member, std::string_view name) {
    if (!IsId(name)) return simdjson::SUCCESS;
    std::string unused;
    return ReadId(member.value(), event.ids, unused);
  }

  simdjson::error_code CopyValue(od::value value, std::string_view name, bool is_top) {
    if (IsId(name)) return ReadId(value, event.ids, line);
    if (is_top && name == "properties") {
      od::object properties;
      if (value.get_object().get(properties) == simdjson::SUCCESS) {
        return Copy(properties, /*selects=*/!names.empty(), /*is_top=*/false);
      }
    }
    std::string_view raw;
    if (const auto error = value.raw_json().get(raw)) return error;
    line.append(TrimBlanks(raw));
    return simdjson::SUCCESS;
  }
};

EventProperties::EventProperties(std::vector<std::string> names)
    : parts_(std::make_unique<Parts>()) {
  parts_->names.insert(names.begin(), names.end());
}
EventProperties::~EventProperties() = default;

absl::StatusOr<EventProperties::Event> EventProperties::Read(std::string_view json) {
  Parts& parts = *parts_;
  parts.padded.clear();
  parts.padded.Append(json);
  parts.line.clear();
  parts.event.ids.clear();
  od::document document;
  od::object object;
  auto error = parts.parser
                   .iterate(parts.padded.data(), parts.padded.size(),
                            parts.padded.capacity() + ByteBuffer::kPadding)
                   .get(document);
  if (!error) error = document.get_object().get(object);
  if (!error) error = parts.Copy(object, /*selects=*/false, /*is_top=*/true);
  if (error) {
    return absl::InvalidArgumentError(StrCat("this is no record: ", Shorten(json, 200)));
  }
  parts.event.line = parts.names.empty() ? json : std::string_view(parts.line);
  return parts.event;
}

}  // namespace millrace::mixpanel
