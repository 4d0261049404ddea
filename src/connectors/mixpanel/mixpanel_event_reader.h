// Reads events back from Mixpanel by its raw export.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_EVENT_READER_H_
#define MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_EVENT_READER_H_

#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "connectors/mixpanel/identity_reader.h"
#include "connectors/mixpanel/raw_export.h"
#include "pipeline/event_reader.h"

namespace millrace::mixpanel {

class MixpanelEventReader : public EventReader {
 public:
  MixpanelEventReader(RawExport raw_export, Clock& clock)
      : raw_export_(std::move(raw_export)), clock_(clock) {}

  Identify NewIdentify() const override;
  // Returns events of all names if the query has too many for a URL. Reads no day after LastDay().
  absl::Status Read(const EventQuery& query, const OnEvent& on_event,
                    std::stop_token stop) override;
  bool keeps_repeats() const override { return false; }
  // Today: the export rejects future days.
  int64_t LastDay() const override;
  absl::Duration max_delay() const override { return absl::Minutes(5); }

 private:
  const RawExport raw_export_;
  Clock& clock_;
  IdentityReader identities_;
  EventIdentity event_;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_EVENT_READER_H_
