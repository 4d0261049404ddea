// Lines of a raw export: any text has an identity or is rejected, and an identity's key determines
// it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "connectors/mixpanel/identity_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  static mixpanel::IdentityReader reader;
  EventIdentity identity, again;
  if (!reader.Read({reinterpret_cast<const char*>(data), size}, identity).ok()) return 0;
  if (!again.SetFromKey(identity.key).ok() || again.key != identity.key ||
      again.event != identity.event || again.day() != identity.day()) {
    std::abort();
  }
  return 0;
}
