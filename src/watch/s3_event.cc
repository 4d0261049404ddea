// Facts: docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and
// ev-events.html. Keys are form-encoded in notification records and plain in EventBridge events.
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_server.h"
#include "watch/event_json_internal.h"

namespace millrace::watch {
namespace {

std::string VersionOf(const Json& object, const char* version_key, const char* etag_key) {
  std::string version = Text(object, version_key);
  return version.empty() ? Text(object, etag_key) : version;
}

}  // namespace

absl::Status AddS3Record(const Json& record, StorageEvents& events) {
  std::string name = Text(record, "eventName");
  if (name.starts_with("s3:")) name.erase(0, 3);
  if (!name.starts_with("ObjectCreated:")) {
    ++events.others;
    return absl::OkStatus();
  }
  const Json& s3 = Member(record, "s3");
  const Json& object = Member(s3, "object");
  return AddObject("s3", Text(Member(s3, "bucket"), "name"),
                   UrlDecode(Text(object, "key"), /*plus_is_space=*/true),
                   VersionOf(object, "versionId", "eTag"), EventTime(Text(record, "eventTime")),
                   events);
}

absl::Status AddS3BridgeEvent(const Json& event, StorageEvents& events) {
  if (Text(event, "source") != "aws.s3" || Text(event, "detail-type") != "Object Created") {
    ++events.others;
    return absl::OkStatus();
  }
  const Json& detail = Member(event, "detail");
  const Json& object = Member(detail, "object");
  return AddObject("s3", Text(Member(detail, "bucket"), "name"), Text(object, "key"),
                   VersionOf(object, "version-id", "etag"), EventTime(Text(event, "time")), events);
}

}  // namespace millrace::watch
