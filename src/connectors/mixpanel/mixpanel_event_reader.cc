#include "connectors/mixpanel/mixpanel_event_reader.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json_writer.h"
#include "base/percent_encoding.h"
#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

// Names are part of the request line, which many servers and proxies limit to 8,000 bytes; 1,000
// are reserved for the rest of it.
constexpr size_t kMaxEncodedNames = 7'000;
constexpr absl::CivilDay kEpoch(1970, 1, 1);

// The bytes that `name` takes in the URL, as an element of a JSON list.
size_t EncodedBytes(std::string_view name) {
  std::string json;
  AppendJsonString(json, name);
  json += ',';
  return UrlEncode(json).size();
}

// The names to request; empty (all) if there are too many for a URL.
std::vector<std::string> NamesToAskFor(const absl::flat_hash_set<std::string>& names) {
  // Mixpanel renames the events of ids that have too many events.
  std::vector<std::string> asked = {"$hotshard_events"};
  size_t bytes = EncodedBytes(asked.front());
  for (const std::string& name : names) {
    asked.push_back(name);
    bytes += EncodedBytes(name);
    if (bytes > kMaxEncodedNames) return {};
  }
  std::sort(asked.begin(), asked.end());
  return asked;
}

}  // namespace

EventReader::Identify MixpanelEventReader::NewIdentify() const {
  return [reader = std::make_shared<IdentityReader>()](std::string_view record,
                                                       EventIdentity& identity) {
    return reader->Read(record, identity);
  };
}

int64_t MixpanelEventReader::LastDay() const {
  return absl::ToCivilDay(clock_.Now(), absl::UTCTimeZone()) - kEpoch;
}

absl::Status MixpanelEventReader::Read(const EventQuery& query, const OnEvent& on_event,
                                       std::stop_token stop) {
  const int64_t today = LastDay();
  const RawExportRequest request = {.from = kEpoch + std::min(query.first_day, today),
                                    .to = kEpoch + std::min(query.last_day, today),
                                    .events = NamesToAskFor(query.names),
                                    .time_in_ms = true};
  return raw_export_(
      request,
      [&](std::string_view line) {
        if (!identities_.Read(line, event_).ok()) {
          event_.event.clear();
          event_.key = line;
        }
        return on_event(event_);
      },
      std::move(stop));
}

}  // namespace millrace::mixpanel
