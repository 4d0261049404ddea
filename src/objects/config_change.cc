#include "objects/config_change.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "mapping/fingerprint.h"

namespace millrace {

ConfigChange ConfigChangeOf(const LedgerEntry& sent, const SourceConfig& config) {
  const std::string& before = sent.key.config;
  return {.object = sent.key.object,
          .before = before.substr(0, before.rfind(':')),
          .now = config.config_id,
          .parts = ChangedParts(sent.config_parts, config.fingerprint_parts),
          .sent = sent.updated,
          .partly = sent.state != LedgerState::kDone};
}

std::string Describe(const ConfigChange& change) {
  const bool one = change.objects == 1;
  std::string text =
      one ? change.object : StrCat(change.objects, " objects, such as ", change.object, ",");
  StrAppend(&text, one ? " was " : " were ", "imported ", change.partly ? "in part " : "", "at ",
            absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", change.sent, absl::UTCTimeZone()),
            " under the config entry \"", change.before, "\", ");
  if (change.before != change.now) {
    StrAppend(&text, "and the entry \"", change.now, "\" matches now");
  } else {
    StrAppend(&text, "which has changed since");
  }
  if (!change.parts.empty()) StrAppend(&text, " (", absl::StrJoin(change.parts, ", "), ")");
  StrAppend(&text, ". Nothing more was sent. ", kForceAdvice);
  return text;
}

void ConfigChanges::Add(ConfigChange change) {
  const auto same = std::find_if(listed_.begin(), listed_.end(), [&](const ConfigChange& other) {
    return other.before == change.before && other.now == change.now && other.parts == change.parts;
  });
  if (same != listed_.end()) {
    same->objects += change.objects;
  } else if (listed_.size() < kMaxListed) {
    listed_.push_back(std::move(change));
  }
}

}  // namespace millrace
