// Facts: learn.microsoft.com/azure/event-grid/event-schema-blob-storage. The subject contains
// the plain name of the blob, the URL the percent-encoded one.
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_server.h"
#include "watch/event_json_internal.h"

namespace millrace::watch {
namespace {

struct Blob {
  std::string container, name;
};

// /blobServices/default/containers/<container>/blobs/<name>
Blob FromSubject(std::string_view subject) {
  static constexpr std::string_view kContainers = "/containers/";
  static constexpr std::string_view kBlobs = "/blobs/";
  const size_t containers = subject.find(kContainers);
  if (containers == std::string_view::npos) return {};
  const size_t container = containers + kContainers.size();
  const size_t blobs = subject.find(kBlobs, container);
  if (blobs == std::string_view::npos) return {};
  return {std::string(subject.substr(container, blobs - container)),
          std::string(subject.substr(blobs + kBlobs.size()))};
}

// https://<account>.blob.core.windows.net/<container>/<name>
Blob FromUrl(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const size_t path = url.find('/', scheme + 3);
  if (path == std::string_view::npos) return {};
  const size_t name = url.find('/', path + 1);
  if (name == std::string_view::npos) return {};
  return {std::string(url.substr(path + 1, name - path - 1)),
          UrlDecode(url.substr(name + 1), /*plus_is_space=*/false)};
}

}  // namespace

absl::Status AddAzureBlob(const Json& data, const std::string& subject, absl::Time written,
                          StorageEvents& events) {
  // Data Lake Storage reports the empty file first, and FlushWithClose when the file is complete.
  if (Text(data, "api") == "CreateFile") {
    ++events.others;
    return absl::OkStatus();
  }
  Blob blob = FromSubject(subject);
  if (blob.name.empty()) blob = FromUrl(Text(data, "url"));
  return AddObject("az", blob.container, blob.name, Text(data, "eTag"), written, events);
}

}  // namespace millrace::watch
