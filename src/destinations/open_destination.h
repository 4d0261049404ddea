// From the text of --to to a destination. This module alone knows every kind of destination.
#ifndef MILLRACE_DESTINATIONS_OPEN_DESTINATION_H_
#define MILLRACE_DESTINATIONS_OPEN_DESTINATION_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "connectors/mixpanel/mixpanel_destination.h"
#include "pipeline/destination.h"

namespace millrace {

// What a destination is made of besides its URI.
struct DestinationSetup {
  Environment environment;
  // What flags and environment say of Mixpanel; called only if a destination needs it.
  std::function<absl::StatusOr<mixpanel::DestinationOptions>()> mixpanel;
};

// Opens `uri`: "mixpanel", "postgres://...". Connects to nothing. InvalidArgument says what is
// wrong, and does not repeat a secret that stands in the URI.
absl::StatusOr<std::unique_ptr<Destination>> OpenDestination(std::string_view uri,
                                                             const DestinationSetup& setup);

// Whether OpenDestination() reads `text` as a kind of destination: "mixpanel", "postgres".
bool IsDestinationScheme(std::string_view text);

// The forms of URI that OpenDestination() reads, for help and errors.
std::string DestinationForms();

}  // namespace millrace

#endif  // MILLRACE_DESTINATIONS_OPEN_DESTINATION_H_
