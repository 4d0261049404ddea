#include "plan/record_inspector.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "base/byte_buffer.h"
#include "base/hash.h"
#include "base/strings.h"
#include "mapping/identity_event.h"

namespace millrace {
namespace {

namespace ondemand = simdjson::ondemand;

static_assert(ByteBuffer::kPadding >= simdjson::SIMDJSON_PADDING);

constexpr int64_t kMillisPerDay = 24 * 60 * 60 * 1000;

// The largest measures of one property's value.
struct Measures {
  uint64_t text_bytes = 0;
  uint64_t depth = 0;
  uint64_t list_length = 0;
  uint64_t keys = 0;
};

// Walks `value`, valid JSON that the mapper wrote; ignores what cannot be walked.
simdjson::error_code Measure(ondemand::value value, uint64_t depth, Measures& measures) {
  ondemand::json_type type;
  if (auto error = value.type().get(type)) return error;
  if (type == ondemand::json_type::string) {
    std::string_view text;
    if (auto error = value.get_string(true).get(text)) return error;
    measures.text_bytes = std::max<uint64_t>(measures.text_bytes, text.size());
  } else if (type == ondemand::json_type::array) {
    ondemand::array items;
    if (auto error = value.get_array().get(items)) return error;
    uint64_t length = 0;
    for (auto item : items) {
      ondemand::value inner;
      if (auto error = item.get(inner)) return error;
      if (auto error = Measure(inner, depth + 1, measures)) return error;
      ++length;
    }
    measures.depth = std::max(measures.depth, depth);
    measures.list_length = std::max(measures.list_length, length);
  } else if (type == ondemand::json_type::object) {
    ondemand::object fields;
    if (auto error = value.get_object().get(fields)) return error;
    uint64_t keys = 0;
    for (auto field : fields) {
      ondemand::value inner;
      if (auto error = field.value().get(inner)) return error;
      if (auto error = Measure(inner, depth + 1, measures)) return error;
      ++keys;
    }
    measures.depth = std::max(measures.depth, depth);
    measures.keys = std::max(measures.keys, keys);
  }
  return simdjson::SUCCESS;
}

// Seconds or milliseconds since the epoch, distinguished as Mixpanel does.
absl::Time EventTime(double time) {
  return std::abs(time) >= 1e11 ? absl::FromUnixMillis(static_cast<int64_t>(time))
                                : absl::FromUnixSeconds(static_cast<int64_t>(time));
}

}  // namespace

bool SeenRecords::Add(uint64_t hash) {
  if (full()) return hashes_.contains(hash);
  return !hashes_.insert(hash).second;
}

uint64_t BoundOf(RecordLimit limit, RecordType type) {
  switch (limit) {
    case RecordLimit::kDepth:
      return 3;
    case RecordLimit::kValueBytes:
      return type == RecordType::kEvent ? 8 << 10 : 256 << 10;
    case RecordLimit::kTextBytes:
    case RecordLimit::kListLength:
    case RecordLimit::kKeys:
      return 255;
  }
  return 255;
}

struct RecordInspector::Parser {
  ondemand::parser parser;
  ondemand::document document;
  ondemand::value value;  // of the property being inspected
  struct Event {
    std::string_view name;
    std::string_view insert_id;
    bool has_user = false;
  } event;
};

RecordInspector::RecordInspector(RecordType type, absl::Time now, SeenRecords& seen)
    : type_(type), now_(now), seen_(seen), parser_(std::make_unique<Parser>()) {}

RecordInspector::~RecordInspector() = default;

bool RecordInspector::Inspect(std::string_view record) {
  ++stats_.records;
  const simdjson::padded_string_view padded(record.data(), record.size(),
                                            record.size() + ByteBuffer::kPadding);
  if (parser_->parser.iterate(padded).get(parser_->document)) return false;
  if (type_ == RecordType::kEvent) return InspectEvent(*parser_);
  InspectProfile(*parser_);
  return stats_.records == 1;
}

bool RecordInspector::InspectEvent(Parser& parser) {
  parser.event = {};
  ondemand::object event;
  if (parser.document.get_object().get(event)) return false;
  for (auto member : event) {
    std::string_view key;
    ondemand::value value;
    if (member.unescaped_key().get(key) || member.value().get(value)) return false;
    if (key == "event" && value.get_string(true).get(parser.event.name)) return false;
    ondemand::object properties;
    if (key != "properties" || value.get_object().get(properties)) continue;
    for (auto field : properties) {
      std::string_view name;
      if (field.unescaped_key(true).get(name) || field.value().get(parser.value)) return false;
      InspectEventProperty(parser, name);
    }
  }
  const bool identity = IdentityEventOf(parser.event.name) != IdentityEvent::kNone;
  if (!parser.event.has_user && !identity) ++stats_.without_user;
  // Without an $insert_id every event is distinct.
  if (!parser.event.insert_id.empty()) {
    const uint64_t hash =
        HashBytes(parser.event.name).low * 31 + HashBytes(parser.event.insert_id).low;
    if (seen_.Add(hash)) ++stats_.identical;
  }
  return CountName(parser.event.name);
}

void RecordInspector::InspectEventProperty(Parser& parser, std::string_view name) {
  if (name == "time") {
    double time = 0;
    if (parser.value.get_double().get(time)) return;
    const absl::Time at = EventTime(time);
    stats_.first = stats_.first ? std::min(*stats_.first, at) : at;
    stats_.last = stats_.last ? std::max(*stats_.last, at) : at;
    if (at > now_) ++stats_.in_future;
    if (absl::ToUnixMillis(at) % kMillisPerDay == 0) ++stats_.at_midnight;
  } else if (name == "$insert_id") {
    if (parser.value.get_string(true).get(parser.event.insert_id)) parser.event.insert_id = {};
  } else if (name == "distinct_id" || name == "$user_id" || name == "$device_id") {
    std::string_view id;
    const bool is_text = !parser.value.get_string(true).get(id);
    parser.event.has_user = parser.event.has_user || (is_text && !id.empty());
  } else {
    InspectProperty(parser, name);
  }
}

void RecordInspector::InspectProfile(Parser& parser) {
  ondemand::object update;
  if (parser.document.get_object().get(update)) return;
  for (auto member : update) {
    ondemand::value value;
    ondemand::object properties;
    // Ids are siblings of the operation, whose value is the only object.
    if (member.value().get(value) || value.get_object().get(properties)) continue;
    for (auto field : properties) {
      std::string_view name;
      if (field.unescaped_key(true).get(name) || field.value().get(parser.value)) return;
      InspectProperty(parser, name);
    }
  }
}

void RecordInspector::InspectProperty(Parser& parser, std::string_view name) {
  ondemand::json_type type;
  if (parser.value.type().get(type)) return;
  const bool nested = type == ondemand::json_type::array || type == ondemand::json_type::object;
  if (!nested && type != ondemand::json_type::string) return;
  Measures measures;
  const char* begin = nullptr;
  if (nested && parser.document.current_location().get(begin)) return;
  if (Measure(parser.value, 1, measures)) return;
  const auto check = [&](RecordLimit limit, uint64_t amount) {
    if (amount > BoundOf(limit, type_)) CountExcess(name, limit, amount);
  };
  check(RecordLimit::kTextBytes, measures.text_bytes);
  if (!nested) return;
  check(RecordLimit::kDepth, measures.depth);
  check(RecordLimit::kListLength, measures.list_length);
  check(RecordLimit::kKeys, measures.keys);
  const char* end = nullptr;
  if (parser.document.current_location().get(end)) return;
  check(RecordLimit::kValueBytes, static_cast<uint64_t>(end - begin));
}

bool RecordInspector::CountName(std::string_view name) {
  if (auto known = names_.find(ToAbsl(name)); known != names_.end()) {
    ++known->second;
    return false;
  }
  if (names_.size() >= kMaxNames) {
    stats_.names_complete = false;
    return false;
  }
  names_.emplace(name, 1);
  return true;
}

void RecordInspector::CountExcess(std::string_view property, RecordLimit limit, uint64_t amount) {
  auto known = excesses_.find(ToAbsl(property));
  if (known == excesses_.end()) {
    if (excesses_.size() >= kMaxProperties) return;
    known = excesses_.try_emplace(std::string(property)).first;
  }
  Worst& worst = known->second[static_cast<size_t>(limit)];
  ++worst.records;
  worst.worst = std::max(worst.worst, amount);
}

RecordStats RecordInspector::stats() const {
  RecordStats stats = stats_;
  stats.identical_complete = !seen_.full();
  for (const auto& [name, records] : names_) stats.names.push_back({name, records});
  std::sort(stats.names.begin(), stats.names.end(), [](const NameCount& a, const NameCount& b) {
    return a.records != b.records ? a.records > b.records : a.name < b.name;
  });
  for (const auto& [property, limits] : excesses_) {
    for (size_t i = 0; i < kRecordLimits; ++i) {
      if (limits[i].records == 0) continue;
      stats.excesses.push_back(
          {static_cast<RecordLimit>(i), property, limits[i].records, limits[i].worst});
    }
  }
  std::sort(stats.excesses.begin(), stats.excesses.end(), [](const Excess& a, const Excess& b) {
    return std::tie(b.records, a.property, a.limit) < std::tie(a.records, b.property, b.limit);
  });
  return stats;
}

}  // namespace millrace
