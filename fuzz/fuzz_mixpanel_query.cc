// Responses of Mixpanel's query APIs: no page and no export line is trusted beyond its content.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/mixpanel/engage_query.h"
#include "connectors/mixpanel/project_settings.h"
#include "connectors/mixpanel/raw_export.h"
#include "net/testing/fake_http_client.h"
#include "require.h"

namespace millrace::mixpanel {
namespace {

constexpr std::array kStatuses = {200, 204, 302, 400, 401, 402, 403, 429, 503};

void CheckProfiles(HttpClient& http, const Endpoints& endpoints, const Credentials& credentials) {
  ProfileReader reader(http, endpoints, credentials, "1", {});
  size_t pages = 0;
  for (;;) {
    const auto page = reader.Next({});
    if (!page.ok() || page->empty() || ++pages == 3) return;
    for (const Profile& profile : *page) Require(profile.properties.starts_with('{'));
  }
}

}  // namespace
}  // namespace millrace::mixpanel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;            // NOLINT(build/namespaces)
  using namespace millrace::mixpanel;  // NOLINT(build/namespaces)
  if (size < 1) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  FakeHttpClient http([&](const HttpRequest&) -> absl::StatusOr<HttpResponse> {
    return HttpResponse{.status = kStatuses[data[0] % kStatuses.size()], .body = std::string(body)};
  });
  const absl::StatusOr<Endpoints> endpoints = Endpoints::ForUrl("http://127.0.0.1:1");
  Credentials credentials;
  credentials.service_account_user = "u";
  CheckProfiles(http, *endpoints, credentials);
  (void)ReadTimeZoneName(http, *endpoints, credentials, "1", {});
  size_t lines = 0;
  const absl::Status exported = ExportRaw(
      http, *endpoints, credentials, "1", {absl::CivilDay(2024, 1, 1), absl::CivilDay(2024, 1, 2)},
      [&](std::string_view line) {
        Require(!line.empty() && line.find('\n') == std::string_view::npos);
        ++lines;
        return absl::OkStatus();
      },
      {});
  Require(lines <= body.size());
  if (exported.ok()) Require(data[0] % kStatuses.size() == 0);
  return 0;
}
