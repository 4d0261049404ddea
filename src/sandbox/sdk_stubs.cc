#include "sandbox/sdk_stubs.h"

#include <algorithm>
#include <array>

namespace millrace::sandbox {
namespace {

struct Stub {
  std::string_view path;
  std::string_view body;
};

// The fields that the SDKs read: python's flags need `code`, those of local evaluation an array,
// android's settings `recording.is_enabled`; the browser's recorder continues only after JSON.
constexpr std::array<Stub, 5> kStubs = {{
    {"/flags", R"({"code":200,"flags":{}})"},
    {"/flags/definitions", R"({"code":200,"flags":[]})"},
    {"/record", R"({"code":200,"status":"OK"})"},
    {"/settings", R"({"recording":{"is_enabled":true},"sdk_config":{"config":{}}})"},
    {"/decide", "{}"},
}};

// POST /flags/ID/first-time-events; nobody reads the response.
bool IsFirstTimeEvents(std::string_view path) {
  return path.starts_with("/flags/") && path.ends_with("/first-time-events");
}

}  // namespace

bool IsStubPath(std::string_view path) {
  return IsFirstTimeEvents(path) ||
         std::any_of(kStubs.begin(), kStubs.end(),
                     [path](const Stub& stub) { return stub.path == path; });
}

ServerResponse HandleStub(std::string_view path) {
  ServerResponse reply;
  reply.body = R"({"code":200,"status":"OK"})";
  for (const Stub& stub : kStubs) {
    if (stub.path == path) reply.body = stub.body;
  }
  return reply;
}

}  // namespace millrace::sandbox
