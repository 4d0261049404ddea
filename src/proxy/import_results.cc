#include "proxy/import_results.h"

#include "base/json_writer.h"
#include "base/strings.h"

namespace millrace::proxy {
namespace {

constexpr std::string_view kSomeFailed = "some data points in the request failed validation";

ServerResponse BadRequest(std::string_view error, std::string_view failed_records,
                          size_t imported) {
  ServerResponse reply;
  reply.status = 400;
  reply.body = "{\"code\":400,\"error\":";
  AppendJsonString(reply.body, error);
  StrAppend(&reply.body, ",\"failed_records\":", failed_records,
            ",\"num_records_imported\":", imported, ",\"status\":\"Bad Request\"}");
  return reply;
}

}  // namespace

ServerResponse ImportResults(size_t imported, absl::Span<const RejectedRecord> rejected) {
  if (rejected.empty()) {
    ServerResponse reply;
    reply.body = StrCat("{\"code\":200,\"num_records_imported\":", imported, ",\"status\":\"OK\"}");
    return reply;
  }
  std::string list = "[";
  for (const RejectedRecord& record : rejected) {
    StrAppend(&list, list.size() > 1 ? "," : "", "{\"index\":", record.index, ",\"insert_id\":");
    AppendJsonString(list, record.insert_id);
    list += ",\"field\":";
    AppendJsonString(list, record.field);
    list += ",\"message\":";
    AppendJsonString(list, record.message);
    list += '}';
  }
  return BadRequest(kSomeFailed, list + "]", imported);
}

ServerResponse UnreadableImport(std::string_view why) { return BadRequest(why, "[]", 0); }

}  // namespace millrace::proxy
